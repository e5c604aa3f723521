/** Turns what servers and tools say of a failure into a code of the catalogue; the only place that reads their text. */
import { AppError, type ErrorCode } from '@holdfast/contracts/errors';

interface Rule {
  readonly pattern: RegExp;
  readonly code: ErrorCode;
  readonly transient?: boolean;
  /** Of this tool alone. */
  readonly tool?: string;
}

/** First match wins. The patterns are of libpq, the server and the tools with LC_ALL=C. */
const rules: readonly Rule[] = [
  { pattern: /server version mismatch|unsupported version \(\d/i, code: 'VERSION_MISMATCH' },
  {
    pattern:
      /password authentication failed|no password supplied|no pg_hba\.conf entry|role ".*" is not permitted to log in|role ".*" does not exist/i,
    code: 'CONNECTION_FAILED',
    transient: false,
  },
  { pattern: /database ".*" does not exist/i, code: 'CONNECTION_FAILED', transient: false },
  { pattern: /lock timeout|could not obtain lock/i, code: 'LOCKED' },
  {
    pattern: /permission denied|must be owner of|query would be affected by row-level security/i,
    code: 'PERMISSION_DENIED',
  },
  { pattern: /no space left on device|disk full|could not extend file/i, code: 'INSUFFICIENT_SPACE' },
  {
    pattern:
      /could not connect|connection to server .* failed|could not translate host name|connection refused|timeout expired|too many (clients|connections)|remaining connection slots|the database system is (starting up|shutting down|in recovery mode)|server closed the connection unexpectedly|terminating connection|lost synchronization|connection reset|SSL SYSCALL|no connection to the server|canceling statement due to conflict with recovery/i,
    code: 'CONNECTION_FAILED',
  },
  {
    // A table was dropped between reading the catalogue and locking it: the next snapshot does not see it.
    pattern: /relation ".*" does not exist|could not open relation with OID|cache lookup failed/i,
    code: 'TOOL_FAILED',
    transient: true,
    tool: 'pg_dump',
  },
  { pattern: /no matching (tables|schemas) were found|no such (table|schema)/i, code: 'INVALID_CONFIG' },
  {
    pattern:
      /did not find magic string|input file (is too short|does not appear)|could not read from input file|unexpected end of file|corrupt/i,
    code: 'FILE_CORRUPTION',
  },
];

const maxDetailLength = 2_000;

/** What a tool printed on standard error, as an error of the catalogue. `fallback` where nothing is recognised. */
export function classifyToolFailure(
  tool: string,
  outcome: string,
  stderr: string,
  fallback: ErrorCode = 'TOOL_FAILED',
): AppError {
  const said = stderr.trim().slice(-maxDetailLength);
  const rule = rules.find((candidate) => (candidate.tool ?? tool) === tool && candidate.pattern.test(said));
  const detail = `${tool} ${outcome}${said === '' ? ' and said nothing' : `: ${said}`}`;
  return new AppError(
    rule?.code ?? fallback,
    detail,
    rule?.transient === undefined ? {} : { transient: rule.transient },
  );
}

/** SQLSTATE classes of the server's own answers. */
const sqlStates: readonly (readonly [RegExp, ErrorCode, boolean?])[] = [
  [/^28/, 'CONNECTION_FAILED', false],
  [/^3D000$/, 'CONNECTION_FAILED', false],
  [/^08|^57P0[123]$|^53300$/, 'CONNECTION_FAILED'],
  [/^42501$/, 'PERMISSION_DENIED'],
  [/^53100$/, 'INSUFFICIENT_SPACE'],
  [/^55P03$/, 'LOCKED'],
  [/^57014$/, 'TIMEOUT'],
];

interface DriverError extends Error {
  readonly code?: string;
}

/** An error of the driver, as an error of the catalogue: by SQLSTATE, else by the socket's own code. */
export function classifyDriverError(error: unknown, doing: string): AppError {
  if (error instanceof AppError) {
    return error;
  }
  const { code = '', message } = error as DriverError;
  const known = sqlStates.find(([pattern]) => pattern.test(code));
  const isServerAnswer = /^[0-9A-Z]{5}$/.test(code) && !/^E[A-Z]{4}$/.test(code);
  const catalogueCode = known?.[1] ?? (isServerAnswer ? 'INTERNAL' : 'CONNECTION_FAILED');
  return new AppError(catalogueCode, `${doing}: ${message.slice(0, maxDetailLength)}`, {
    cause: error,
    ...(known?.[2] === undefined ? {} : { transient: known[2] }),
  });
}
