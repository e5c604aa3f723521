/** Every error as RFC 9457 problem+json, with a code, a remedy and the request's id; nothing internal. */
import { AppError, errorCatalogue, type FieldError } from '@holdfast/contracts/errors';
import { isConnectionLoss } from '@holdfast/platform/db/connection-loss';
import type { FastifyError, FastifyInstance, FastifyRequest } from 'fastify';

interface ProblemBody {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  readonly remediation: string;
  readonly requestId: string;
  readonly errors?: readonly FieldError[];
}

export function problemOf(error: AppError, requestId: string): ProblemBody {
  return {
    type: `urn:holdfast:error:${error.code.toLowerCase().replaceAll('_', '-')}`,
    title: errorCatalogue[error.code].title,
    status: error.status,
    code: error.code,
    detail: error.message,
    remediation: error.remediation,
    requestId,
    ...(error.fields.length === 0 ? {} : { errors: error.fields }),
  };
}

const retryAfterSeconds = 5;

export function registerProblems(server: FastifyInstance): void {
  server.setErrorHandler(async (error: FastifyError | AppError, request, reply) => {
    const known = toAppError(error, request);
    if (known.status >= 500) {
      request.log.error({ error, requestId: request.id, path: request.routeOptions.url }, 'request failed');
    }
    if (known.status === 503) {
      reply.header('retry-after', retryAfterSeconds);
    }
    return await reply.code(known.status).type('application/problem+json').send(problemOf(known, request.id));
  });
}

function toAppError(error: FastifyError | AppError, request: FastifyRequest): AppError {
  if (error instanceof AppError) {
    return error;
  }
  if (error.validation !== undefined) {
    const place = error.validationContext ?? 'request';
    const fields = error.validation.map(({ instancePath, message, params }) => ({
      path:
        `${instancePath}${typeof params['additionalProperty'] === 'string' ? `/${params['additionalProperty']}` : ''}` ||
        '/',
      message:
        typeof params['additionalProperty'] === 'string'
          ? 'is not a known field'
          : (message ?? 'is not valid'),
    }));
    return new AppError(
      'VALIDATION_FAILED',
      `The ${place} is not valid: ${fields.map((field) => `${field.path} ${field.message}`).join('; ')}.`,
      { fields },
    );
  }
  if (isConnectionLoss(error)) {
    return new AppError('SERVICE_UNAVAILABLE', 'The metadata database does not answer.', { cause: error });
  }
  if (error.statusCode !== undefined && error.statusCode >= 400 && error.statusCode < 500) {
    const code = error.statusCode === 429 ? 'RATE_LIMITED' : 'VALIDATION_FAILED';
    return new AppError(
      code,
      error.code === 'FST_ERR_CTP_BODY_TOO_LARGE'
        ? 'The body is larger than 1 MiB.'
        : `The ${request.method} request could not be read: ${error.message}.`,
    );
  }
  return new AppError(
    'INTERNAL',
    'Something unexpected happened; the log has the details under this request id.',
    { cause: error },
  );
}
