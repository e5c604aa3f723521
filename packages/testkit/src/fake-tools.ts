/** Programs that stand in for pg_dump to misbehave: pipes, signals and exit codes stay real. */
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { findPrograms } from '@holdfast/platform/instances/programs';

/** `$REAL` is the real pg_dump, `$@` what it was called with. */
export const misbehaviours = {
  /** The whole archive, but the exit status says no. */
  failsAtTheEnd: '"$REAL" "$@"; echo "pg_dump: error: something went wrong at the very end" >&2; exit 1',
  /** Standard output closes long before the process says that it failed. */
  closesOutputThenFails:
    '"$REAL" "$@" | head -c 200000; exec 1>&-; sleep 0.7; echo "pg_dump: error: lost the server" >&2; exit 1',
  /** Half an archive, and everything fine as far as it knows. */
  isCutShortWithSuccess: '"$REAL" "$@" | head -c 200000; exit 0',
  /** A directory dump without one of its files, and everything fine as far as it knows. */
  losesAFile:
    '"$REAL" "$@" || exit; for a in "$@"; do case "$a" in --file=*) f="${a#--file=}"; set -- "$f"/[0-9]*.dat; rm "$1";; esac; done; exit 0',
  /** Everything right, with a pause in which a test can do its worst. */
  isSlow: 'set -o pipefail; "$REAL" "$@" | { head -c 200000; sleep 1.5; cat; }',
  /** The first time it stops in the middle, holding all its locks, until there is a file "go" beside it. */
  pausesOnce:
    'here="${0%/*}"; set -o pipefail; mkdir "$here/once" 2>/dev/null || exec "$REAL" "$@"; "$REAL" "$@" | { head -c 200000; while [ ! -e "$here/go" ]; do sleep 0.05; done; cat; }',
  stallsWithoutAByte: 'exec sleep 600',
  stallsInTheMiddle: '"$REAL" "$@" | head -c 200000; exec sleep 600',
  ignoresSignals: 'trap "" INT TERM; while :; do sleep 0.2; done',
  warns:
    '"$REAL" "$@"; status=$?; echo "pg_dump: warning: there are circular foreign-key constraints" >&2; exit $status',
  floodsStandardError:
    'head -c 100000000 /dev/zero | tr "\\\\0" "x" >&2; echo "pg_dump: error: and that was all" >&2; exit 1',
} as const;

export type Misbehaviour = keyof typeof misbehaviours;

/** Makes a folder of clients; named in HOLDFAST_PG_BIN_DIRS it wins over every real one, since it claims a version that suits any server. */
export async function fakeClientDir(
  folder: string,
  misbehaviour: Misbehaviour,
  version = '99.0',
): Promise<string> {
  const programs = await findPrograms();
  const dir = path.join(folder, `fake-${misbehaviour}`);
  await mkdir(dir, { recursive: true });
  const real = path.join(programs?.postgresBinDir ?? '', 'pg_dump');
  const script = `#!/bin/bash\nREAL=${real}\n[ "$1" = --version ] && { echo "pg_dump (PostgreSQL) ${version}"; exit 0; }\n${misbehaviours[misbehaviour]}\n`;
  await writeFile(path.join(dir, 'pg_dump'), script);
  await writeFile(
    path.join(dir, 'pg_restore'),
    `#!/bin/sh\nexec ${path.join(programs?.postgresBinDir ?? '', 'pg_restore')} "$@"\n`,
  );
  await chmod(path.join(dir, 'pg_dump'), 0o755);
  await chmod(path.join(dir, 'pg_restore'), 0o755);
  return dir;
}
