/** What of a backup's structure is not in the target, the other way round, and what both have in different forms. Pure. */
import type { Manifest } from '@holdfast/contracts/manifest';
import type { SchemaDiff, SchemaObject } from '@holdfast/contracts/schema-diff';
import type { TocEntry } from '@holdfast/platform/archive/table-of-contents';
import type { QualifiedName } from '@holdfast/platform/pgtools/pg-dump';
import type { Structure } from './read-structures.ts';

const mostShown = 200;

/** Rows and what belongs to the database as a whole are no structure. */
const leftOut =
  /^(TABLE DATA|MATERIALIZED VIEW DATA|SEQUENCE SET|BLOB.*|ENCODING|STDSTRINGS|SEARCHPATH|DATABASE.*)$/;

type Definitions = ReadonlyMap<string, SchemaObject & { readonly definition: string | null }>;

export interface CompareOptions {
  readonly stored: Structure;
  readonly live: Structure;
  readonly manifest: Manifest;
  /** Tables and sequences of the target, where pg_dump could not tell its structure. */
  readonly liveRelations: readonly (QualifiedName & { readonly kind: string })[];
  /** False for a script, which has its definitions in another form. */
  readonly canCompareDefinitions: boolean;
  /** Of a selective restore; null for everything. */
  readonly tables: readonly QualifiedName[] | null;
}

export function compareStructures(options: CompareOptions): SchemaDiff {
  const { stored, live, canCompareDefinitions, tables } = options;
  const areBothKnown = stored.entries !== null && live.entries !== null;
  const wanted = tables === null ? () => true : belongingTo(tables);
  const before = filter(areBothKnown ? ofEntries(live.entries) : ofRelations(options.liveRelations), wanted);
  const after = filter(areBothKnown ? ofEntries(stored.entries) : ofManifest(options.manifest), wanted);
  const changing =
    areBothKnown && canCompareDefinitions
      ? [...after].filter(([key, { definition }]) => {
          const earlier = before.get(key);
          return earlier !== undefined && earlier.definition !== definition;
        })
      : null;
  return {
    isComplete: areBothKnown,
    basis: basisOf(options, areBothKnown),
    appearing: shown([...after].filter(([key]) => !before.has(key))),
    vanishing: shown([...before].filter(([key]) => !after.has(key))),
    changing: changing === null ? null : shown(changing),
  };
}

function basisOf({ stored, live, tables }: CompareOptions, areBothKnown: boolean): string {
  const scope = tables === null ? '' : ', of the chosen tables alone';
  if (areBothKnown) {
    return `the table of contents of the backup beside that of a dump of the target now${scope}`;
  }
  const reason = stored.reason ?? live.reason;
  return `the tables and sequences of the manifest beside those of the target${scope}: ${reason}`;
}

function ofEntries(entries: readonly TocEntry[] | null): Definitions {
  return new Map(
    (entries ?? [])
      .filter(({ description, tag }) => !leftOut.test(description) && !tag.startsWith('DATABASE '))
      .map(({ description, schema, tag, definition }) =>
        entryOf({ kind: description, schema, name: tag }, definition),
      ),
  );
}

function ofManifest({ tables, sequences }: Manifest): Definitions {
  return new Map([
    ...tables.map(({ schema, name }) => entryOf({ kind: 'TABLE', schema, name }, null)),
    ...sequences.map(({ schema, name }) => entryOf({ kind: 'SEQUENCE', schema, name }, null)),
  ]);
}

function ofRelations(relations: CompareOptions['liveRelations']): Definitions {
  return new Map(
    relations
      .filter(({ kind }) => kind === 'table' || kind === 'sequence')
      .map(({ kind, schema, name }) => entryOf({ kind: kind.toUpperCase(), schema, name }, null)),
  );
}

function entryOf(object: SchemaObject, definition: string | null) {
  return [JSON.stringify([object.kind, object.schema, object.name]), { ...object, definition }] as const;
}

function filter(all: Definitions, isWanted: (object: SchemaObject) => boolean): Definitions {
  return new Map([...all].filter(([, object]) => isWanted(object)));
}

/** A table itself, and what is named after it: its constraints, triggers, defaults, rules and policies. */
function belongingTo(tables: readonly QualifiedName[]): (object: SchemaObject) => boolean {
  const names = tables.map(({ schema, name }) => ({ schema, name }));
  return (object) =>
    names.some(
      ({ schema, name }) =>
        object.schema === schema && (object.name === name || object.name.startsWith(`${name} `)),
    );
}

function shown(found: readonly (readonly [string, SchemaObject])[]): SchemaDiff['appearing'] {
  return {
    total: found.length,
    objects: found.slice(0, mostShown).map(([, { kind, schema, name }]) => ({ kind, schema, name })),
  };
}
