/** SQL that counts the bytes of copies into backup_settings.disk_usage, by the same notes as those of backups. */

const copiedBytes = (row: string): string =>
  `CASE WHEN ${row}.status IN ('completed', 'deleting') THEN ${row}.file_size ELSE 0 END`;

export const countCopiedBytes = [
  `CREATE FUNCTION backup_copies_note_change() RETURNS trigger LANGUAGE plpgsql AS $$
   DECLARE
     stored BIGINT := 0;
   BEGIN
     IF TG_OP <> 'DELETE' THEN
       stored := stored + ${copiedBytes('NEW')};
     END IF;
     IF TG_OP <> 'INSERT' THEN
       stored := stored - ${copiedBytes('OLD')};
     END IF;
     IF stored <> 0 THEN
       INSERT INTO backup_statistics_notes (stored_bytes) VALUES (stored);
     END IF;
     RETURN NULL;
   END $$`,
  `CREATE TRIGGER backup_copies_note_change AFTER INSERT OR DELETE OR UPDATE OF status, file_size ON backup_copies
     FOR EACH ROW EXECUTE FUNCTION backup_copies_note_change()`,
];

/** With the table, whose triggers go with it. The bytes of copies leave the count before. */
export const dropCopiedBytesCount = [
  'DELETE FROM backup_copies',
  'DROP TABLE backup_copies',
  'DROP FUNCTION backup_copies_note_change()',
];
