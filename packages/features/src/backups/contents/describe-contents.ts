/** A page of a backup's contents from the objects in its file and the figures in its manifest. Pure. */
import type { Contents, ContentsItem, ContentsQuery } from '@holdfast/contracts/contents';
import { decodeCursor, encodeCursor } from '@holdfast/platform/db/cursor';
import type { StoredObject } from '../../archives/index.ts';
import type { CompletedBackup } from '../find-completed-backup.ts';

export function describeContents(
  { id, manifest }: Pick<CompletedBackup, 'id' | 'manifest'>,
  objects: readonly StoredObject[],
  query: ContentsQuery,
): Contents {
  const all = itemsOf(manifest, objects);
  const kinds: Record<string, number> = {};
  for (const { kind } of all) {
    kinds[kind] = (kinds[kind] ?? 0) + 1;
  }
  const found = sortItems(filterItems(all, query), query);
  return {
    backupId: id,
    summary: {
      tables: manifest.tables.length,
      rows: sumOf(manifest.tables, 'rows'),
      bytes: sumOf(manifest.tables, 'bytes'),
      sequences: manifest.sequences.length,
      largeObjects: { count: manifest.largeObjects.count, bytes: manifest.largeObjects.bytes },
      kinds,
    },
    ...pageOf(found, query),
  };
}

/** The rows of a table are told with the table; a `TABLE DATA` of its own stays only where its table is not in the backup. */
function itemsOf({ tables }: CompletedBackup['manifest'], objects: readonly StoredObject[]): ContentsItem[] {
  const figures = new Map(tables.map((table) => [keyOf(table), table]));
  const withTable = new Set(objects.filter(({ kind }) => kind === 'TABLE').map(keyOf));
  return objects.flatMap((object): ContentsItem[] => {
    const isData = object.kind === 'TABLE DATA';
    if (isData && withTable.has(keyOf(object))) {
      return [];
    }
    const figure = isData || object.kind === 'TABLE' ? figures.get(keyOf(object)) : undefined;
    return [{ ...object, rows: figure?.rows ?? null, bytes: figure?.bytes ?? null }];
  });
}

function keyOf({ schema, name }: { schema: string; name: string }): string {
  return JSON.stringify([schema, name]);
}

function sumOf(tables: CompletedBackup['manifest']['tables'], figure: 'rows' | 'bytes'): number {
  return tables.reduce((sum, table) => sum + table[figure], 0);
}

function filterItems(items: ContentsItem[], { kind, schema, search }: ContentsQuery): ContentsItem[] {
  const kinds = kind === undefined ? null : new Set(kind);
  const part = search?.toLowerCase();
  return items.filter(
    (item) =>
      (kinds === null || kinds.has(item.kind)) &&
      (schema === undefined || item.schema === schema) &&
      (part === undefined || item.name.toLowerCase().includes(part)),
  );
}

/** Sorting is stable, so the archive's order breaks ties, also between equal names of several schemas. */
function sortItems(
  items: ContentsItem[],
  { sortBy = 'archive', sortOrder = 'asc' }: ContentsQuery,
): ContentsItem[] {
  if (sortBy !== 'archive') {
    items.sort((a, b) =>
      sortBy === 'name'
        ? a.name < b.name
          ? -1
          : a.name > b.name
            ? 1
            : 0
        : (a[sortBy] ?? -1) - (b[sortBy] ?? -1),
    );
  }
  return sortOrder === 'desc' ? items.reverse() : items;
}

function pageOf(items: ContentsItem[], query: ContentsQuery): Pick<Contents, 'items' | 'pagination'> {
  const { page = 1, limit = 20, cursor } = query;
  const sort = `contents:${query.sortBy ?? 'archive'}:${query.sortOrder ?? 'asc'}`;
  const start = cursor === undefined ? (page - 1) * limit : Number(decodeCursor(cursor, sort).id);
  const end = start + limit;
  return {
    items: items.slice(start, end),
    pagination: {
      page,
      limit,
      total: items.length,
      totalPages: Math.ceil(items.length / limit),
      // What is listed never changes, so a place in it is exact.
      nextCursor: end < items.length ? encodeCursor({ sort, value: '', id: String(end) }) : null,
    },
  };
}
