/** Door of the health feature. */
export { HeartbeatObserver } from './heartbeat-observer.ts';
export { type ReconcileDeps, reconcile } from './reconcile.ts';
