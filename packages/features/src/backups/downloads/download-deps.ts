/** What downloads work with. */
import type { Clock } from '@holdfast/platform/clock';
import type { Logger } from '@holdfast/platform/logger';
import type { DataSource } from 'typeorm';
import type { StorageTargets } from '../../storage/index.ts';

export interface DownloadDeps {
  readonly source: DataSource;
  readonly storage: StorageTargets;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Called as a named step is reached; tests stop or kill the process there. */
  readonly reached: (step: string) => Promise<void>;
}
