/** What a swap writes into comments on databases, so that the catalogue itself tells what has happened. The user's own text stays in front. Pure. */

/**
 * `closed`: connections are refused until the swap is over. `restored`: it became the live one in the swap of that operation.
 * `kept`: the original that the swap put aside. `undone`: it was live until that rollback.
 */
export type MarkerKind = 'closed' | 'restored' | 'kept' | 'undone';

export interface Marker {
  readonly kind: MarkerKind;
  readonly operationId: string;
}

export interface MarkedComment {
  /** Null where the user has written none. */
  readonly text: string | null;
  readonly markers: readonly Marker[];
}

const pattern = /(?:^|\n)\[Holdfast: (closed|restored|kept|undone) by ([0-9a-f-]{36})\]$/;

export function parseComment(comment: string | null): MarkedComment {
  let rest = comment ?? '';
  const markers: Marker[] = [];
  for (let match = pattern.exec(rest); match !== null; match = pattern.exec(rest)) {
    markers.unshift({ kind: match[1] as MarkerKind, operationId: match[2] as string });
    rest = rest.slice(0, match.index);
  }
  return { text: rest === '' ? null : rest, markers };
}

/** Null where nothing is to be said. */
export function formatComment({ text, markers }: MarkedComment): string | null {
  const lines = markers.map(({ kind, operationId }) => `[Holdfast: ${kind} by ${operationId}]`);
  const comment = [...(text === null ? [] : [text]), ...lines].join('\n');
  return comment === '' ? null : comment;
}

/** The comment with this marker, and without those of the kinds that no longer hold. */
export function mark(comment: string | null, marker: Marker, without: readonly MarkerKind[]): string | null {
  const { text, markers } = parseComment(comment);
  return formatComment({
    text,
    markers: [...markers.filter(({ kind }) => !without.includes(kind)), marker],
  });
}

export function unmark(comment: string | null, without: readonly MarkerKind[]): string | null {
  const { text, markers } = parseComment(comment);
  return formatComment({ text, markers: markers.filter(({ kind }) => !without.includes(kind)) });
}
