/** The storage targets of one process: each is opened once, so that its connections are shared. */
import { openStorage } from './open-storage.ts';
import type { StorageDriver } from './storage-driver.ts';
import { formatStorageTarget, parseStorageTarget, type S3Defaults } from './storage-target.ts';

export class StorageTargets {
  readonly #defaults: S3Defaults;
  readonly #drivers = new Map<string, StorageDriver>();

  constructor(defaults: S3Defaults) {
    this.#defaults = defaults;
  }

  /** @throws AppError INVALID_CONFIG */
  canonical(target: string): string {
    return formatStorageTarget(parseStorageTarget(target, this.#defaults));
  }

  /** Touches nothing yet. @throws AppError INVALID_CONFIG */
  open(target: string): StorageDriver {
    const location = parseStorageTarget(target, this.#defaults);
    const name = formatStorageTarget(location);
    const driver = this.#drivers.get(name) ?? openStorage(location);
    this.#drivers.set(name, driver);
    return driver;
  }
}
