/** Work that is done must not be lost because the metadata database restarts just then: it is asked until it answers. */
import { setTimeout as delay } from 'node:timers/promises';
import { AppError } from '@holdfast/contracts/errors';
import { isConnectionLoss } from '@holdfast/platform/db/connection-loss';
import { FencedError, type OperationContext } from './operation-context.ts';

const pauseMs = 1_000;

const isOurs = (error: unknown): boolean => error instanceof AppError || error instanceof FencedError;

/** @param ask may run more than once @throws its error once `command_timeout` seconds of asking again were in vain */
export async function untilMetadataAnswers<T>(
  { logger, settings }: Pick<OperationContext, 'logger' | 'settings'>,
  ask: () => Promise<T>,
): Promise<T> {
  for (let left = settings.commandTimeout; ; left -= 1) {
    try {
      return await ask();
    } catch (error) {
      if (isOurs(error) || !isConnectionLoss(error) || left <= 0) {
        throw error;
      }
      logger.warn(
        { error: (error as Error).message },
        'the metadata database does not answer; it is asked again until it does',
      );
      await delay(pauseMs);
    }
  }
}
