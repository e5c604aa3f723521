/**
 * SQL of how many backups there are of each day, status, type and source, kept by triggers in the very transaction that
 * changes a row, so that a sum of it is never a guess. Changes are added as rows of their own instead of being written
 * into one: transactions never wait for each other here, and can't deadlock. Rows of one bucket are merged now and then.
 */

const bucketOf = (row: string): string =>
  `(${row}.created_at AT TIME ZONE 'UTC')::date, ${row}.status, ${row}.backup_type, ${row}.source`;

const countFunction = (name: string, body: string): string =>
  `CREATE FUNCTION ${name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN ${body}; RETURN NULL; END $$`;

export const countBackups = [
  `CREATE TABLE backup_counts (
    day DATE NOT NULL,
    status VARCHAR(20) NOT NULL,
    backup_type VARCHAR(50) NOT NULL,
    source VARCHAR(50) NOT NULL,
    count BIGINT NOT NULL
  )`,
  `INSERT INTO backup_counts SELECT ${bucketOf('b')}, count(*) FROM admin_backups b GROUP BY 1, 2, 3, 4`,
  'CREATE INDEX idx_backup_counts_day ON backup_counts (day)',
  countFunction(
    'admin_backups_count_inserted',
    `INSERT INTO backup_counts SELECT ${bucketOf('b')}, count(*) FROM inserted b GROUP BY 1, 2, 3, 4`,
  ),
  `CREATE TRIGGER admin_backups_count_inserted AFTER INSERT ON admin_backups
    REFERENCING NEW TABLE AS inserted FOR EACH STATEMENT EXECUTE FUNCTION admin_backups_count_inserted()`,
  countFunction(
    'admin_backups_count_moved',
    `INSERT INTO backup_counts VALUES (${bucketOf('OLD')}, -1), (${bucketOf('NEW')}, 1)`,
  ),
  // For each row, since only that kind can look at which column changes: heartbeats must cost nothing here.
  `CREATE TRIGGER admin_backups_count_moved AFTER UPDATE OF created_at, status, backup_type, source ON admin_backups FOR EACH ROW
    WHEN ((OLD.created_at, OLD.status, OLD.backup_type, OLD.source) IS DISTINCT FROM (NEW.created_at, NEW.status, NEW.backup_type, NEW.source))
    EXECUTE FUNCTION admin_backups_count_moved()`,
  countFunction(
    'admin_backups_count_deleted',
    `INSERT INTO backup_counts SELECT ${bucketOf('b')}, -count(*) FROM deleted b GROUP BY 1, 2, 3, 4`,
  ),
  `CREATE TRIGGER admin_backups_count_deleted AFTER DELETE ON admin_backups
    REFERENCING OLD TABLE AS deleted FOR EACH STATEMENT EXECUTE FUNCTION admin_backups_count_deleted()`,
  countFunction('admin_backups_count_truncated', 'DELETE FROM backup_counts'),
  `CREATE TRIGGER admin_backups_count_truncated AFTER TRUNCATE ON admin_backups
    FOR EACH STATEMENT EXECUTE FUNCTION admin_backups_count_truncated()`,
];

const functions = ['inserted', 'moved', 'deleted', 'truncated'];

export const stopCountingBackups = [
  ...functions.map((name) => `DROP TRIGGER admin_backups_count_${name} ON admin_backups`),
  ...functions.map((name) => `DROP FUNCTION admin_backups_count_${name}()`),
  'DROP TABLE backup_counts',
];
