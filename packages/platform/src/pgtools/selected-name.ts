/** Reads one name of a selection and says which relations it means. Pure. */
import type { QualifiedName } from './pg-dump.ts';

/** True for a relation that the name means. */
export type NameMatcher = (relation: QualifiedName) => boolean;

export interface NameOptions {
  /** Whether `*` and `?` are wildcards. */
  readonly isPattern: boolean;
  /** Where a name without a schema is looked for; empty: everywhere. */
  readonly searchedSchemas: readonly string[];
}

/** What a relation is called in messages, and in a selection that means it alone. */
export function displayName({ schema, name }: QualifiedName): string {
  return `${schema}.${name}`;
}

export function relationMatcher(text: string, { isPattern, searchedSchemas }: NameOptions): NameMatcher {
  const isSearched = (schema: string): boolean =>
    searchedSchemas.length === 0 || searchedSchemas.includes(schema);
  if (!isPattern) {
    return literalMatcher(text, isSearched);
  }
  const [first, second] = splitPattern(text);
  const [schema, name] =
    second === undefined ? [null, expressionOf(first)] : [first, second].map(expressionOf);
  return (relation) =>
    (name as RegExp).test(relation.name) &&
    (schema === null ? isSearched(relation.schema) : (schema as RegExp).test(relation.schema));
}

export function schemaMatcher(text: string, isPattern: boolean): (schema: string) => boolean {
  if (!isPattern) {
    const quoted = readQuoted(text);
    return (schema) => schema === text || (quoted?.length === 1 && schema === quoted[0]);
  }
  const [first, second = []] = splitPattern(text);
  const expression = expressionOf(second.length === 0 ? first : [...first, { literal: '.' }, ...second]);
  return (schema) => expression.test(schema);
}

/** `schema.name`, the same quoted as in SQL, or a bare name: every reading counts, since names may hold dots and quotes themselves. */
function literalMatcher(text: string, isSearched: (schema: string) => boolean): NameMatcher {
  const [first, second] = readQuoted(text) ?? [];
  return (relation) =>
    displayName(relation) === text ||
    (second !== undefined && relation.schema === first && relation.name === second) ||
    ((relation.name === text || (second === undefined && relation.name === first)) &&
      isSearched(relation.schema));
}

const part = '"(?:[^"]|"")+"|[^".]+';
const quotedName = new RegExp(`^(${part})(?:\\.(${part}))?$`);

/** One or two parts as SQL quotes them; null where the text is not of that form or has no quotes at all. */
function readQuoted(text: string): string[] | null {
  const match = text.includes('"') ? quotedName.exec(text) : null;
  return (
    match?.slice(1).flatMap((found: string | undefined) => (found === undefined ? [] : [unquote(found)])) ??
    null
  );
}

function unquote(text: string): string {
  return text.startsWith('"') ? text.slice(1, -1).replaceAll('""', '"') : text;
}

/** A character that stands for itself, or a wildcard. */
type Token = { readonly literal: string } | { readonly wildcard: '*' | '?' };

const tokens = /"((?:[^"]|"")*)"|\\(.)|([*?])|(\.)|(.)/gsu;

/** Schema and name at the first dot that is neither quoted nor escaped; the name alone where there is none. */
function splitPattern(text: string): [Token[], Token[]?] {
  const parts: [Token[], Token[]?] = [[]];
  for (const [, quoted, escaped, wildcard, dot, plain] of text.matchAll(tokens)) {
    if (dot !== undefined && parts.length === 1) {
      parts.push([]);
    } else if (wildcard !== undefined) {
      parts.at(-1)?.push({ wildcard: wildcard as '*' | '?' });
    } else {
      parts.at(-1)?.push({ literal: quoted?.replaceAll('""', '"') ?? escaped ?? dot ?? plain ?? '' });
    }
  }
  return parts;
}

function expressionOf(part: readonly Token[] = []): RegExp {
  const source = part.map((token) => {
    if ('literal' in token) {
      return token.literal.replaceAll(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
    }
    return token.wildcard === '*' ? '.*' : '.';
  });
  return new RegExp(`^${source.join('')}$`, 'su');
}
