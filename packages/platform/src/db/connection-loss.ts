/** Tells a metadata database that does not answer from one that answers with an error. */
import { QueryRunnerAlreadyReleasedError, QueryRunnerProviderAlreadyReleasedError } from 'typeorm';

/** SQLSTATE classes 08 and 57P0x, 53300, or a socket's own code. */
const codes = /^(08...|57P0\d|53300|ECONN\w+|EPIPE|ETIMEDOUT)$/;
/** What the driver and its pool say without a code. */
const words =
  /connection terminated|timeout exceeded when trying to connect|not queryable|not established|ECONNREFUSED/i;

export function isConnectionLoss(error: unknown): boolean {
  if (
    // How a transaction finds out that its connection died between two of its queries.
    error instanceof QueryRunnerAlreadyReleasedError ||
    error instanceof QueryRunnerProviderAlreadyReleasedError
  ) {
    return true;
  }
  const { code = '', message = '' } = error as { code?: string; message?: string };
  return codes.test(code) || words.test(message);
}
