/** The error catalogue: every failure a user can meet, with its HTTP status, whether trying again helps, and the remedy. */

interface CatalogueEntry {
  /** HTTP status when the error answers a request. */
  readonly status: number;
  /** True when the same operation may succeed later without anybody changing anything. */
  readonly transient: boolean;
  readonly title: string;
  /** What to do now, in one sentence. */
  readonly remediation: string;
}

const entry = (status: number, transient: boolean, title: string, remediation: string): CatalogueEntry => ({
  status,
  transient,
  title,
  remediation,
});

/** Codes are permanent: they may be added, never renamed or given another meaning. */
export const errorCatalogue = {
  CONNECTION_FAILED: entry(
    502,
    true,
    'The database could not be reached',
    'Check that the server is running, that host and port are right, and that the worker may connect.',
  ),
  INSUFFICIENT_SPACE: entry(
    507,
    false,
    'Not enough space',
    'Free space on the storage target or raise the quota, then start the operation again.',
  ),
  PERMISSION_DENIED: entry(
    422,
    false,
    'A permission is missing',
    'Grant the database role or the storage account the right that the detail names, or use another.',
  ),
  FILE_CORRUPTION: entry(
    409,
    false,
    'The backup is damaged',
    'Do not use this backup; take a new one and check the storage.',
  ),
  TIMEOUT: entry(
    504,
    false,
    'The operation took longer than allowed',
    'Raise command_timeout in the settings, or back up less at a time.',
  ),
  INVALID_CONFIG: entry(
    422,
    false,
    'The request or configuration is not valid',
    'Correct what the detail names and try again.',
  ),
  BACKUP_NOT_FOUND: entry(404, false, 'There is no such backup', 'List the backups to see which exist.'),
  VALIDATION_FAILED: entry(400, false, 'The request is not valid', 'Correct the fields listed under errors.'),
  RESTORE_FAILED: entry(
    500,
    false,
    'The restore failed',
    'Read the detail: the target database was left as it was.',
  ),
  ROLLBACK_FAILED: entry(
    500,
    false,
    'The rollback failed',
    'Read the detail: both databases still exist under the names it gives.',
  ),
  CONFIRMATION_EXPIRED: entry(
    409,
    false,
    'The confirmation is no longer valid',
    'Validate the restore again and confirm with the new token.',
  ),
  VERSION_MISMATCH: entry(
    422,
    false,
    'The PostgreSQL client does not suit the server',
    'Install the client version that the detail names on the workers.',
  ),
  CANCELLED: entry(409, false, 'The operation was cancelled', 'Start it again if it is still wanted.'),
  STORAGE_UNAVAILABLE: entry(
    503,
    true,
    'The backup storage does not answer',
    'Check that the storage folder or bucket exists and may be written.',
  ),
  LOCKED: entry(
    409,
    true,
    'Something else holds a lock',
    'Wait until the session or operation that the detail names has ended.',
  ),
  APPROVAL_REQUIRED: entry(
    409,
    false,
    'Another person has to approve',
    'Ask somebody with the right role to approve the operation.',
  ),
  PROTECTED: entry(409, false, 'The backup is protected', 'Remove the protection first.'),
  IN_USE: entry(
    409,
    false,
    'Something is using it',
    'Wait until the operation that the detail names has ended, or cancel it.',
  ),
  NOT_FOUND: entry(404, false, 'There is no such thing', 'Check the address.'),
  UNAUTHENTICATED: entry(
    401,
    false,
    'Sign-in is required',
    'Sign in and send the token as "Authorization: Bearer …".',
  ),
  FORBIDDEN: entry(
    403,
    false,
    'Your role does not allow this',
    'Ask an administrator for a role with this permission.',
  ),
  RATE_LIMITED: entry(429, true, 'Too many requests', 'Wait as long as Retry-After says.'),
  STALLED: entry(
    504,
    true,
    'The operation stopped making progress',
    'Look at the database server and the storage; the operation is tried again by itself while attempts are left.',
  ),
  TOOL_FAILED: entry(500, false, 'A PostgreSQL tool failed', 'Read the detail, which quotes the tool.'),
  IDEMPOTENCY_CONFLICT: entry(
    422,
    false,
    'The Idempotency-Key was used for another request',
    'Send a new key for a new request.',
  ),
  SERVICE_UNAVAILABLE: entry(
    503,
    true,
    'A part of Holdfast is not available',
    'Try again shortly; GET /health says which part.',
  ),
  INTERNAL: entry(
    500,
    false,
    'An unexpected error',
    'Report it with the request id; the log has the details.',
  ),
} as const satisfies Record<string, CatalogueEntry>;

export type ErrorCode = keyof typeof errorCatalogue;

export const errorCodes = Object.keys(errorCatalogue) as ErrorCode[];

export interface AppErrorOptions {
  readonly cause?: unknown;
  /** Overrides the catalogue where this very failure is known to be (or not to be) worth another try. */
  readonly transient?: boolean;
  /** Overrides the catalogue's remedy with a more exact one. */
  readonly remediation?: string;
  readonly fields?: readonly FieldError[];
}

export interface FieldError {
  readonly path: string;
  readonly message: string;
}

/** The only error class that Holdfast throws on purpose. `message` is shown to users: no secret, SQL or stack in it. */
export class AppError extends Error {
  readonly code: ErrorCode;
  readonly transient: boolean;
  readonly remediation: string;
  readonly fields: readonly FieldError[];

  constructor(code: ErrorCode, detail: string, options: AppErrorOptions = {}) {
    super(detail, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'AppError';
    this.code = code;
    this.transient = options.transient ?? errorCatalogue[code].transient;
    this.remediation = options.remediation ?? errorCatalogue[code].remediation;
    this.fields = options.fields ?? [];
  }

  get status(): number {
    return errorCatalogue[this.code].status;
  }
}
