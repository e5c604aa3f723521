/**
 * SQL that keeps backup_settings.disk_usage and statistics_version in step with admin_backups, whoever changes it.
 *
 * A change notes its difference in a table of its own, where nobody waits for anybody; a trigger deferred to the commit adds the note to the one
 * row of settings. So that row is locked only while the server commits, never while a worker that may freeze thinks, and one statement over a
 * million rows makes one note.
 */

const storedBytes = (row: string): string =>
  `CASE WHEN ${row}.status IN ('completed', 'deleting') THEN ${row}.file_size ELSE 0 END`;

/** What statistics are made of: a change of anything else, a heartbeat say, leaves them as they are. */
const counted = (row: string): string =>
  ['status', 'file_size', 'backup_type', 'source', 'expires_at', 'is_protected', 'error_code']
    .map((column) => `${row}.${column}`)
    .join(', ');

export const countStoredBytes = [
  'ALTER TABLE backup_settings ADD COLUMN statistics_version BIGINT NOT NULL DEFAULT 0',
  `UPDATE backup_settings SET disk_usage = (SELECT COALESCE(sum(${storedBytes('backup')}), 0) FROM admin_backups backup)`,
  'CREATE TABLE backup_statistics_notes (id BIGSERIAL PRIMARY KEY, stored_bytes BIGINT NOT NULL)',
  `CREATE FUNCTION admin_backups_note_change() RETURNS trigger LANGUAGE plpgsql AS $$
   DECLARE
     changed BIGINT;
     stored BIGINT;
   BEGIN
     IF TG_OP = 'INSERT' THEN
       SELECT count(*), sum(${storedBytes('new_row')}) INTO changed, stored FROM new_rows new_row;
     ELSIF TG_OP = 'DELETE' THEN
       SELECT count(*), -sum(${storedBytes('old_row')}) INTO changed, stored FROM old_rows old_row;
     ELSE
       SELECT count(*), sum(${storedBytes('new_row')} - ${storedBytes('old_row')}) INTO changed, stored
       FROM new_rows new_row JOIN old_rows old_row USING (id)
       WHERE (${counted('new_row')}) IS DISTINCT FROM (${counted('old_row')});
     END IF;
     IF changed > 0 THEN
       INSERT INTO backup_statistics_notes (stored_bytes) VALUES (stored);
     END IF;
     RETURN NULL;
   END $$`,
  ...[
    ['insert', 'NEW TABLE AS new_rows'],
    ['update', 'OLD TABLE AS old_rows NEW TABLE AS new_rows'],
    ['delete', 'OLD TABLE AS old_rows'],
  ].map(
    ([event, tables]) => `CREATE TRIGGER admin_backups_note_${event} AFTER ${event} ON admin_backups
       REFERENCING ${tables} FOR EACH STATEMENT EXECUTE FUNCTION admin_backups_note_change()`,
  ),
  `CREATE FUNCTION backup_statistics_apply_note() RETURNS trigger LANGUAGE plpgsql AS $$
   BEGIN
     UPDATE backup_settings SET disk_usage = disk_usage + NEW.stored_bytes, statistics_version = statistics_version + 1;
     DELETE FROM backup_statistics_notes WHERE id = NEW.id;
     RETURN NULL;
   END $$`,
  `CREATE CONSTRAINT TRIGGER backup_statistics_apply_note AFTER INSERT ON backup_statistics_notes
     DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION backup_statistics_apply_note()`,
];

export const dropStoredBytesCount = [
  ...['insert', 'update', 'delete'].map(
    (event) => `DROP TRIGGER admin_backups_note_${event} ON admin_backups`,
  ),
  'DROP FUNCTION admin_backups_note_change()',
  'DROP TABLE backup_statistics_notes',
  'DROP FUNCTION backup_statistics_apply_note()',
  'ALTER TABLE backup_settings DROP COLUMN statistics_version',
];
