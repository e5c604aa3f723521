/** Names of everything Holdfast keeps in Redis; the prefix keeps tests and installations apart. */
import type { ChannelMessages } from '@holdfast/contracts/events';
import type { OperationRef } from '@holdfast/contracts/operations';

export interface RedisKeys {
  readonly prefix: string;
  readonly channel: (name: keyof ChannelMessages) => string;
  /** The newest progress of one operation. */
  readonly progress: (ref: OperationRef) => string;
  /** Operations that are running now, as `kind:id`. */
  readonly activeOperations: string;
}

export function redisKeys(prefix: string): RedisKeys {
  return {
    prefix,
    channel: (name) => `${prefix}:channel:${name}`,
    progress: (ref) => `${prefix}:progress:${ref.kind}:${ref.id}`,
    activeOperations: `${prefix}:active-operations`,
  };
}
