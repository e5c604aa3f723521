/** Tests that mount file systems: without root they are skipped, and their names say why. */
import { describe, it } from '@jest/globals';

const isRoot = process.getuid?.() === 0;
const named = (name: string): string =>
  isRoot ? name : `${name} (skipped: needs root, to mount a file system)`;

export function describeAsRoot(name: string, tests: () => void): void {
  (isRoot ? describe : describe.skip)(named(name), tests);
}

export function itAsRoot(name: string, test: () => Promise<void>): void {
  (isRoot ? it : it.skip)(named(name), test);
}
