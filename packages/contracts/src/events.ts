/** What travels over Redis pub/sub and to Socket.IO clients: one typed map for each. */
import type { OperationKind, OperationProgress, OperationRef } from './operations.ts';

/** Redis channels (before the prefix) and what is published on them. */
export interface ChannelMessages {
  progress: OperationProgress;
  operation: OperationEvent;
  /** A worker that runs this operation stops it. The row carries the same request, so a lost message only delays. */
  cancel: OperationRef;
}

export interface OperationEvent extends OperationRef {
  /** `anomalous`: a backup has completed, but differs from its database's history. */
  readonly event: 'created' | 'anomalous' | 'ended';
  readonly status: string;
}

export type SubscribeKind = OperationKind | 'operations';

export interface SubscribeRequest {
  readonly kind: SubscribeKind;
  readonly id?: string | number;
}

export type SubscribeAnswer =
  | { readonly ok: true; readonly state?: OperationProgress | OperationProgress[] }
  | { readonly ok: false; readonly code: string };

export interface ServerEvents {
  progress: (progress: OperationProgress) => void;
  operation: (event: OperationEvent) => void;
}

export interface ClientEvents {
  subscribe: (request: SubscribeRequest, answer: (answer: SubscribeAnswer) => void) => void;
  unsubscribe: (request: SubscribeRequest, answer?: (answer: SubscribeAnswer) => void) => void;
}
