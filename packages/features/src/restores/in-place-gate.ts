/** SQL that a restore in place runs in its own transaction, before anything is committed. Pure. */
import { randomBytes } from 'node:crypto';
import type { Manifest } from '@holdfast/contracts/manifest';
import type { TocEntry } from '@holdfast/platform/archive/archive-inspector';
import { quoteIdentifier, quoteLiteral } from '@holdfast/platform/pgtools/quote';
import { identifier } from './statement-names.ts';

type Name = Pick<Manifest['tables'][number], 'schema' | 'name'>;

const qualified = ({ schema, name }: Name): string => `${quoteIdentifier(schema)}.${quoteIdentifier(name)}`;

/** Fails the transaction where a table has not the rows, or a sequence not the value, that the backup has. */
export function contentsGate(
  { tables, sequences }: Pick<Manifest, 'tables' | 'sequences'>,
  { withRows }: { readonly withRows: boolean },
): string {
  const checks = [
    ...tables.map((table) =>
      check(
        `(SELECT count(*)::text FROM ONLY ${qualified(table)})`,
        String(withRows ? table.rows : 0),
        `rows of ${table.schema}.${table.name}`,
      ),
    ),
    ...(withRows ? sequences : []).map((sequence) =>
      check(
        `(SELECT last_value || ', ' || CASE WHEN is_called THEN 'true' ELSE 'false' END FROM ${qualified(sequence)})`,
        sequence.value,
        `sequence ${sequence.schema}.${sequence.name}`,
      ),
    ),
  ];
  return doBlock(checks.join('\n'), 'actual text;');
}

function check(actual: string, expected: string, what: string): string {
  return `actual := ${actual};
    IF actual IS DISTINCT FROM ${quoteLiteral(expected)} THEN
      RAISE EXCEPTION USING ERRCODE = 'data_corrupted', MESSAGE = ${quoteLiteral(`what was restored differs from the backup: ${what}, ${expected} expected, `)} || COALESCE(actual, 'nothing') || ' found';
    END IF;`;
}

/** Fails the transaction where a row of, or a row that refers to, one of these tables refers to none: triggers were off while they were filled. */
export function foreignKeyGate(tables: readonly Name[]): string {
  const names = tables.map((table) => quoteLiteral(qualified(table))).join(', ');
  return doBlock(
    `FOR key IN SELECT conname, conrelid::regclass AS own, confrelid::regclass AS other, conrelid, confrelid, conkey, confkey FROM pg_constraint
       WHERE contype = 'f' AND convalidated AND conparentid = 0
         AND (conrelid = ANY (ARRAY[${names}]::regclass[]) OR confrelid = ANY (ARRAY[${names}]::regclass[]))
     LOOP
       SELECT string_agg(format('a.%I = b.%I', own.attname, other.attname), ' AND '), string_agg(format('a.%I IS NOT NULL', own.attname), ' AND ')
         INTO joined, filled
         FROM unnest(key.conkey, key.confkey) AS pair(own, other)
         JOIN pg_attribute own ON own.attrelid = key.conrelid AND own.attnum = pair.own
         JOIN pg_attribute other ON other.attrelid = key.confrelid AND other.attnum = pair.other;
       EXECUTE format('SELECT EXISTS (SELECT FROM %s a WHERE %s AND NOT EXISTS (SELECT FROM %s b WHERE %s))', key.own, filled, key.other, joined)
         INTO broken;
       IF broken THEN
         RAISE EXCEPTION USING ERRCODE = 'foreign_key_violation',
           MESSAGE = format('foreign key %s of %s would not hold: rows of %s that it refers to are not there', key.conname, key.own, key.other);
       END IF;
     END LOOP;`,
    'key record; joined text; filled text; broken boolean;',
  );
}

/** What the planner needs to know is there with the rows. */
export function analyse(tables: readonly Name[]): string {
  return tables.length === 0 ? '' : `ANALYZE ${tables.map(qualified).join(', ')};\n`;
}

/** Fires nothing and checks nothing while the rows come; what they refer to is checked as a whole afterwards. */
export function emptyTables(tables: readonly Name[], withLargeObjects: boolean): string {
  const truncate = tables.length === 0 ? '' : `TRUNCATE ONLY ${tables.map(qualified).join(', ')};\n`;
  const unlink = withLargeObjects ? 'SELECT lo_unlink(oid) FROM pg_largeobject_metadata;\n' : '';
  return `SET LOCAL session_replication_role = replica;\n${truncate}${unlink}`;
}

/** The same for some tables among others, which may refer to them: those would stand in the way of a TRUNCATE. */
export function deleteRows(tables: readonly Name[]): string {
  const deletions = tables.map((table) => `DELETE FROM ONLY ${qualified(table)};\n`);
  return `SET LOCAL session_replication_role = replica;\n${deletions.join('')}`;
}

/** Those of the archive, where the database has them. */
export function foreignKeyDrops(entries: readonly TocEntry[]): string {
  return entries
    .filter(({ description }) => description === 'FK CONSTRAINT')
    .map(({ definition }) => {
      const [, schema, table, constraint] = addedForeignKey.exec(definition) ?? [];
      return constraint === undefined
        ? ''
        : `ALTER TABLE IF EXISTS ${schema}.${table} DROP CONSTRAINT IF EXISTS ${constraint};\n`;
    })
    .join('');
}

const addedForeignKey = new RegExp(
  `^ALTER TABLE (?:ONLY )?${identifier}\\.${identifier}\\s+ADD CONSTRAINT ${identifier}\\s`,
);

/** Names may hold any text: the quotes around the block are nobody's. */
function doBlock(body: string, declarations: string): string {
  const quote = `$h${randomBytes(8).toString('hex')}$`;
  return `DO ${quote} DECLARE ${declarations} BEGIN\n${body}\nEND ${quote};\n`;
}
