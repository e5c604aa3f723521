/** Chosen tables of an archive with everything that is theirs and everything that they need. Pure. */
import type { TocEntry } from '@holdfast/platform/archive/archive-inspector';
import type { QualifiedName } from '@holdfast/platform/pgtools/pg-dump';
import { identifier, nameKey, namedIn, ownTable } from './statement-names.ts';

/** Entries that belong to a table: whoever wants the table wants them. */
const parts = new Set([
  'TABLE DATA',
  'DEFAULT',
  'CONSTRAINT',
  'CHECK CONSTRAINT',
  'FK CONSTRAINT',
  'INDEX',
  'INDEX ATTACH',
  'TABLE ATTACH',
  'TRIGGER',
  'RULE',
  'POLICY',
  'ROW SECURITY',
  'STATISTICS',
  'ACL',
  'COMMENT',
  'SECURITY LABEL',
]);
/** What is said of another entry, the only one that they depend on. */
const remarks = new Set(['ACL', 'COMMENT', 'SECURITY LABEL']);
/** Of a partition and of what it is attached to. */
const attachments = new Set(['TABLE ATTACH', 'INDEX ATTACH']);
/** Settings of the session, not objects. */
const settings = new Set(['ENCODING', 'STDSTRINGS', 'SEARCHPATH']);
const ownedBy = new RegExp(`\\bOWNED BY ${identifier}\\.${identifier}\\.`);
const identityOf = new RegExp(`^ALTER TABLE (?:ONLY )?${identifier}\\.${identifier} ALTER COLUMN `);

export interface SelectedTables {
  /** In the order of the archive. */
  readonly kept: readonly TocEntry[];
  /** `schema.table constraint`: foreign keys of chosen tables to tables that are not among them. */
  readonly skippedForeignKeys: readonly string[];
}

/** For a database that has nothing of it: the chosen tables with their parts, and all that these stand on. */
export function selectTables(entries: readonly TocEntry[], tables: readonly QualifiedName[]): SelectedTables {
  const archive = new Archive(entries);
  const chosen = new Set(archive.tables(tables));
  const kept = new Set<TocEntry>();
  const skippedForeignKeys: string[] = [];
  const keep = (entry: TocEntry): void => {
    if (!kept.has(entry)) {
      kept.add(entry);
      archive.dependenciesOf(entry).forEach(keep);
    }
  };
  const areChosen = (needed: readonly TocEntry[]): boolean =>
    needed.every((other) => other.description !== 'TABLE' || chosen.has(other));
  chosen.forEach(keep);
  for (const entry of entries) {
    const own = archive.ownerOf(entry);
    if (own === null || !chosen.has(own)) {
      continue;
    }
    if (entry.description === 'FK CONSTRAINT' && !areChosen(archive.dependenciesOf(entry))) {
      skippedForeignKeys.push(`${entry.schema}.${entry.tag}`);
    } else if (!attachments.has(entry.description) || areChosen(archive.dependenciesOf(entry))) {
      keep(entry);
    }
  }
  for (const entry of entries) {
    const needed = archive.dependenciesOf(entry);
    const isAbout = remarks.has(entry.description) || entry.description === 'SEQUENCE SET';
    if (isAbout && needed.length > 0 && needed.every((other) => kept.has(other))) {
      kept.add(entry);
    }
  }
  return {
    kept: entries.filter((entry) => kept.has(entry) || settings.has(entry.description)),
    skippedForeignKeys,
  };
}

export interface TablesThere {
  readonly existing: readonly QualifiedName[];
  readonly missing: readonly QualifiedName[];
}

/** For a database in which everything around them is there: the rows of those that exist, and those that are missing with all their parts. */
export function selectOwnParts(
  entries: readonly TocEntry[],
  { existing, missing }: TablesThere,
): readonly TocEntry[] {
  const archive = new Archive(entries);
  const refilled = new Set(archive.tables(existing));
  const made = new Set(archive.tables(missing));
  return entries.filter((entry) => {
    const { description } = entry;
    if (settings.has(description) || made.has(entry)) {
      return true;
    }
    // Whoever dropped a table took the foreign keys of others to it along, and detached its partitions: they come back with it.
    if (description === 'FK CONSTRAINT' || attachments.has(description)) {
      return archive.dependenciesOf(entry).some((table) => made.has(table));
    }
    const own = archive.ownerOf(entry);
    const isContent = description === 'TABLE DATA' || description === 'SEQUENCE SET';
    return own !== null && (made.has(own) || (isContent && refilled.has(own)));
  });
}

/** Sequences that belong to columns of these tables. */
export function ownedSequences(
  entries: readonly TocEntry[],
  tables: readonly QualifiedName[],
): QualifiedName[] {
  const archive = new Archive(entries);
  const chosen = new Set(archive.tables(tables));
  return entries
    .filter((entry) => entry.description === 'SEQUENCE SET')
    .filter((entry) => {
      const own = archive.ownerOf(entry);
      return own !== null && chosen.has(own);
    })
    .map(({ schema, tag }) => ({ schema, name: tag }));
}

class Archive {
  readonly #byId: ReadonlyMap<number, TocEntry>;
  readonly #tables: ReadonlyMap<string, TocEntry>;
  /** Of sequences that belong to a column, by schema and name. */
  readonly #sequenceOwners = new Map<string, TocEntry>();

  constructor(entries: readonly TocEntry[]) {
    this.#byId = new Map(entries.map((entry) => [entry.dumpId, entry]));
    this.#tables = new Map(
      entries
        .filter(({ description }) => description === 'TABLE')
        .map((entry) => [nameKey({ schema: entry.schema, name: entry.tag }), entry]),
    );
    for (const entry of entries) {
      const pattern =
        entry.description === 'SEQUENCE OWNED BY'
          ? ownedBy
          : entry.description === 'SEQUENCE'
            ? identityOf
            : null;
      const name = pattern === null ? null : namedIn(pattern, entry.definition);
      const table = name === null ? undefined : this.#tables.get(nameKey(name));
      if (table !== undefined) {
        this.#sequenceOwners.set(nameKey({ schema: entry.schema, name: entry.tag }), table);
      }
    }
  }

  tables(names: readonly QualifiedName[]): TocEntry[] {
    return names.flatMap((name) => this.#tables.get(nameKey(name)) ?? []);
  }

  dependenciesOf({ dependencies }: TocEntry): TocEntry[] {
    return dependencies.flatMap((id) => this.#byId.get(id) ?? []);
  }

  /** The table that an entry is a part of; null for the table itself and for what stands alone. */
  ownerOf(entry: TocEntry): TocEntry | null {
    const { description, schema, tag } = entry;
    if (description.startsWith('SEQUENCE')) {
      return this.#sequenceOwners.get(nameKey({ schema, name: tag })) ?? null;
    }
    if (!parts.has(description)) {
      return null;
    }
    const needed = this.dependenciesOf(entry);
    if (remarks.has(description)) {
      const [subject] = needed;
      return subject === undefined || subject.description === 'TABLE'
        ? (subject ?? null)
        : this.ownerOf(subject);
    }
    const candidates = [...new Set(needed.filter((other) => other.description === 'TABLE'))];
    if (candidates.length > 1) {
      const named = namedIn(ownTable, entry.definition);
      return (named === null ? null : this.#tables.get(nameKey(named))) ?? longestNamed(candidates, tag);
    }
    return candidates[0] ?? null;
  }
}

/** The tag of a trigger, a policy or a rule begins with the name of its table. */
function longestNamed(tables: readonly TocEntry[], tag: string): TocEntry | null {
  const named = tables.filter((table) => tag.startsWith(`${table.tag} `));
  return named.sort((a, b) => b.tag.length - a.tag.length)[0] ?? tables[0] ?? null;
}
