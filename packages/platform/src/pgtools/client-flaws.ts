/** Known flaws of PostgreSQL's client programs by which a hostile dump runs code, and the minor releases that mend them. Pure. */

export interface ClientFlaw {
  readonly ids: readonly string[];
  /** What a program below the fixed release lets happen. */
  readonly effect: string;
  /** Major version to the first minor that is safe; majors below the lowest are no longer mended, majors above the highest never had it. */
  readonly fixedIn: Readonly<Record<number, number>>;
}

/** Check against https://www.postgresql.org/support/security/ when a minor release comes out. */
export const clientFlaws: readonly ClientFlaw[] = [
  {
    ids: ['CVE-2025-8714', 'CVE-2025-8715'],
    effect: 'a plain dump made on a hostile server runs code where psql replays it',
    fixedIn: { 13: 22, 14: 19, 15: 14, 16: 10, 17: 6 },
  },
  {
    ids: ['CVE-2026-18408'],
    effect: 'a plain dump leaves the restricted mode of psql and runs code',
    fixedIn: { 14: 24, 15: 19, 16: 15, 17: 11, 18: 6 },
  },
  {
    ids: ['CVE-2026-116314'],
    effect: 'a crafted archive runs code where pg_restore reads it',
    fixedIn: { 14: 25, 15: 20, 16: 16, 17: 12, 18: 7 },
  },
];

/** The flaws that a client of this version still has; `version` as it prints it, such as "15.18" or "17.6 (Debian 17.6-1)". */
export function flawsOf(version: string): ClientFlaw[] {
  const [, major, minor] = /^(\d+)(?:\.(\d+))?/.exec(version) ?? [];
  return clientFlaws.filter(({ fixedIn }) => {
    const fixedMinor = fixedIn[Number(major)];
    return fixedMinor === undefined
      ? !(Number(major) > Math.max(...Object.keys(fixedIn).map(Number)))
      : Number(minor ?? 0) < fixedMinor;
  });
}

/** True when no known flaw is left: only then may it read a dump that comes from elsewhere. */
export function isPatched(version: string): boolean {
  return flawsOf(version).length === 0;
}

/** The first minor release of this major without any known flaw; null where its major is no longer mended, or has none. */
export function patchedRelease(version: string): string | null {
  const major = Number.parseInt(version, 10);
  const minors = flawsOf(version).map(({ fixedIn }) => fixedIn[major]);
  return minors.length === 0 || minors.includes(undefined)
    ? null
    : `${major}.${Math.max(...minors.map(Number))}`;
}
