/** Door of the progress feature. */
export { ProgressMeter, type StepShare } from './progress-meter.ts';
export { ProgressReporter } from './progress-reporter.ts';
export { isEnded, publishProgress, readActiveProgress, readProgress } from './progress-store.ts';
