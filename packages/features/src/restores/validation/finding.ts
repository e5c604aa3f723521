/** Puts a finding together as an error of the catalogue would say it. Pure. */
import { AppError, type ErrorCode } from '@holdfast/contracts/errors';
import type { Finding } from '@holdfast/contracts/restores';

export function finding(
  code: ErrorCode,
  detail: string,
  { remedy }: { readonly remedy?: string } = {},
): Finding {
  return findingOf(new AppError(code, detail, remedy === undefined ? {} : { remediation: remedy }));
}

export function findingOf({ code, message, remediation }: AppError): Finding {
  return { code, detail: message, remediation };
}
