/** What S3's error codes mean to Holdfast. */
import { AppError, type AppErrorOptions, type ErrorCode } from '@holdfast/contracts/errors';

interface ServiceError {
  readonly name?: string;
  /** Of Node's own errors. */
  readonly code?: string;
  readonly $metadata?: { readonly httpStatusCode?: number };
}

const credentials =
  'Check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY of API and workers, and that they belong to this endpoint.';
const bucket = 'Check bucket, region and endpoint of the storage target; Holdfast creates no buckets.';
const rights =
  'Allow the account s3:GetObject, PutObject, DeleteObject, ListBucket, AbortMultipartUpload and ListBucketMultipartUploads on the bucket.';
const space = 'Free space in the bucket or raise its quota, then start the operation again.';
const clock = "Set the worker's clock: it differs too much from the storage's.";
const archived = 'Bring the object back from its archive class first.';

const byName: Readonly<Record<string, readonly [ErrorCode, string?]>> = {
  NoSuchKey: ['BACKUP_NOT_FOUND'],
  NotFound: ['BACKUP_NOT_FOUND'],
  NoSuchUpload: ['STORAGE_UNAVAILABLE'],
  NoSuchBucket: ['INVALID_CONFIG', bucket],
  InvalidBucketName: ['INVALID_CONFIG', bucket],
  PermanentRedirect: ['INVALID_CONFIG', bucket],
  AuthorizationHeaderMalformed: ['INVALID_CONFIG', bucket],
  CredentialsProviderError: ['INVALID_CONFIG', credentials],
  InvalidAccessKeyId: ['INVALID_CONFIG', credentials],
  SignatureDoesNotMatch: ['INVALID_CONFIG', credentials],
  InvalidToken: ['INVALID_CONFIG', credentials],
  ExpiredToken: ['INVALID_CONFIG', credentials],
  RequestTimeTooSkewed: ['INVALID_CONFIG', clock],
  AccessDenied: ['PERMISSION_DENIED', rights],
  AllAccessDisabled: ['PERMISSION_DENIED', rights],
  InvalidObjectState: ['PERMISSION_DENIED', archived],
  QuotaExceeded: ['INSUFFICIENT_SPACE', space],
  InsufficientCapacity: ['INSUFFICIENT_SPACE', space],
  EntityTooLarge: ['INSUFFICIENT_SPACE', space],
  XMinioStorageFull: ['INSUFFICIENT_SPACE', space],
  XMinioAdminBucketQuotaExceeded: ['INSUFFICIENT_SPACE', space],
  PreconditionFailed: ['IN_USE'],
  ConditionalRequestConflict: ['IN_USE'],
};

/** Answers to HEAD have no body, and so no name. */
const byStatus: Readonly<Record<number, readonly [ErrorCode, string?]>> = {
  301: ['INVALID_CONFIG', bucket],
  403: ['PERMISSION_DENIED', rights],
  404: ['BACKUP_NOT_FOUND'],
  412: ['IN_USE'],
  507: ['INSUFFICIENT_SPACE', space],
};

/** By the time an error arrives here the SDK has tried what is worth trying again. */
export function classifyS3Error(error: unknown, doing: string): AppError {
  if (error instanceof AppError) {
    return error;
  }
  const { name = 'error', code, $metadata } = error as ServiceError;
  const status = $metadata?.httpStatusCode;
  const known = byName[name] ?? byStatus[status ?? 0] ?? ['STORAGE_UNAVAILABLE'];
  const options: AppErrorOptions =
    known[1] === undefined ? { cause: error } : { cause: error, remediation: known[1] };
  const reason = [code ?? name, ...(status === undefined ? [] : [`HTTP ${status}`])].join(', ');
  return new AppError(known[0], `${doing} failed (${reason}).`, options);
}

/** What an attempt has written itself is nobody's backup to be found: the storage has lost it. */
export function classifyAsLost(error: unknown, doing: string): AppError {
  const { code, message } = classifyS3Error(error, doing);
  return code === 'BACKUP_NOT_FOUND'
    ? new AppError('STORAGE_UNAVAILABLE', message, { cause: error })
    : classifyS3Error(error, doing);
}

/** The upload was completed or aborted in the meantime. */
export function isUploadGone(error: unknown): boolean {
  return (error as ServiceError).name === 'NoSuchUpload';
}

export function isTaken(error: unknown): boolean {
  const status = (error as ServiceError).$metadata?.httpStatusCode;
  return status === 412 || (error as ServiceError).name === 'ConditionalRequestConflict';
}

export function isMissing(error: unknown): boolean {
  return ((error as ServiceError).$metadata?.httpStatusCode ?? 0) === 404;
}
