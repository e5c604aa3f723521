/** Structured logs, one JSON object a line on standard output, secrets removed by name. */
import { type Logger as PinoLogger, pino } from 'pino';

export type Logger = PinoLogger;

const secretKeys = [
  'password',
  'token',
  'authorization',
  'cookie',
  'secret',
  'secretKey',
  'passwordHash',
  'connectionString',
  'url',
];

export function createLogger(service: string, level: string): Logger {
  return pino({
    name: service,
    level,
    redact: { paths: secretKeys.flatMap((key) => [key, `*.${key}`, `*.*.${key}`]), censor: '[removed]' },
    serializers: { error: pino.stdSerializers.err, err: pino.stdSerializers.err },
  });
}
