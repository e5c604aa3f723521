/** One number for everything that is defined in a database: equal while nobody has changed its structure. */
import type { DatabaseSession } from './database-session.ts';

const own = `nspname !~ '^pg_' AND nspname <> 'information_schema'`;

/** Each kind of object as lines of text. Tables carry their oid: one that was dropped and made anew is another. */
const lines = `
  SELECT format('relation %s %s %s %s %s %s', c.oid, nspname, relname, relkind, relowner, relrowsecurity) AS line
    FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND relpersistence <> 't' AND ${own}
  UNION ALL
  SELECT format('column %s %s %s %s %s %s', attrelid, attname, format_type(atttypid, atttypmod), attnotnull, attidentity, md5(pg_get_expr(adbin, adrelid)))
    FROM pg_attribute JOIN pg_class c ON c.oid = attrelid JOIN pg_namespace n ON n.oid = relnamespace
    LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
    WHERE attnum > 0 AND NOT attisdropped AND relkind IN ('r', 'p', 'v', 'm', 'f', 'c') AND relpersistence <> 't' AND ${own}
  UNION ALL
  SELECT format('constraint %s %s %s %s', conrelid, conname, convalidated, pg_get_constraintdef(o.oid))
    FROM pg_constraint o JOIN pg_namespace n ON n.oid = connamespace WHERE ${own}
  UNION ALL
  SELECT format('index %s', pg_get_indexdef(indexrelid))
    FROM pg_index JOIN pg_class c ON c.oid = indrelid JOIN pg_namespace n ON n.oid = relnamespace WHERE relpersistence <> 't' AND ${own}
  UNION ALL
  SELECT format('view %s %s', c.oid, md5(pg_get_viewdef(c.oid)))
    FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE relkind IN ('v', 'm') AND ${own}
  UNION ALL
  SELECT format('function %s %s %s %s %s', nspname, proname, pg_get_function_identity_arguments(p.oid), proowner, md5(prosrc))
    FROM pg_proc p JOIN pg_namespace n ON n.oid = pronamespace WHERE ${own}
  UNION ALL
  SELECT format('trigger %s %s %s', tgrelid, tgenabled, pg_get_triggerdef(t.oid))
    FROM pg_trigger t JOIN pg_class c ON c.oid = tgrelid JOIN pg_namespace n ON n.oid = relnamespace WHERE NOT tgisinternal AND ${own}
  UNION ALL
  SELECT format('label %s %s %s %s', nspname, typname, enumsortorder, enumlabel)
    FROM pg_enum JOIN pg_type t ON t.oid = enumtypid JOIN pg_namespace n ON n.oid = typnamespace WHERE ${own}
  UNION ALL
  SELECT format('policy %s %s %s %s', polrelid, polname, pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid)) FROM pg_policy
  UNION ALL
  SELECT format('extension %s %s', extname, extversion) FROM pg_extension`;

/** @param session in that database */
export async function digestCatalogue(session: DatabaseSession): Promise<string> {
  const { digest } = await session.queryOne<{ digest: string | null }>(
    `SELECT md5(string_agg(line, E'\\n' ORDER BY line COLLATE "C")) AS digest FROM (${lines}) line`,
  );
  return digest ?? '';
}
