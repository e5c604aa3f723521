/** The names that somebody may have meant. Pure. */
import { distance } from 'fastest-levenshtein';

const most = 3;

/** At most three of `names`, the nearest first; none that differ in more than a third of the characters. */
export function nearestNames(wanted: string, names: readonly string[]): string[] {
  const simplified = simplify(wanted);
  const furthest = Math.max(2, Math.floor(simplified.length / 3));
  return names
    .map((name) => ({ name, far: distanceTo(simplified, name) }))
    .filter(({ far }) => far <= furthest)
    .sort((a, b) => a.far - b.far || a.name.localeCompare(b.name))
    .slice(0, most)
    .map(({ name }) => name);
}

/** Of the whole name, or of what stands behind its schema. */
function distanceTo(wanted: string, name: string): number {
  const simplified = simplify(name);
  const bare = simplified.slice(simplified.indexOf('.') + 1);
  return Math.min(distance(wanted, simplified), distance(wanted, bare));
}

function simplify(name: string): string {
  return name.normalize('NFC').toLowerCase();
}
