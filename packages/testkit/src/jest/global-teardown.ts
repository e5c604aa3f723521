/** Stops what global-setup started; jest calls it once for each project, the first call does it. */
import { stopTestServices } from './global-setup.ts';

export default async function globalTeardown(): Promise<void> {
  await stopTestServices();
}
