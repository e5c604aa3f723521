/** SQL of the first schema: triggers that refuse any change of status that the state machines do not have. */

export const refuseMoves = (table: string, moves: Readonly<Record<string, readonly string[]>>): string[] => {
  const allowed = Object.entries(moves).map(
    ([from, to]) =>
      `OLD.status = '${from}' AND NEW.status IN (${to.map((status) => `'${status}'`).join(', ')})`,
  );
  return [
    `CREATE FUNCTION ${table}_check_status() RETURNS trigger LANGUAGE plpgsql AS $$
     BEGIN
       IF NOT (${allowed.join(' OR ')}) THEN
         RAISE EXCEPTION 'status % cannot become %', OLD.status, NEW.status USING ERRCODE = 'check_violation';
       END IF;
       RETURN NEW;
     END $$`,
    `CREATE TRIGGER ${table}_check_status BEFORE UPDATE OF status ON ${table} FOR EACH ROW
       WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION ${table}_check_status()`,
  ];
};

export const createStatusMoves = [
  ...refuseMoves('admin_backups', {
    pending: ['running', 'failed', 'cancelled'],
    running: ['completed', 'failed', 'cancelled', 'pending'],
    completed: ['deleting'],
    failed: ['deleting'],
    cancelled: ['deleting'],
    deleting: ['deleted'],
  }),
  ...refuseMoves('drills', {
    pending: ['running', 'failed', 'cancelled'],
    running: ['completed', 'failed', 'cancelled', 'pending'],
  }),
];

export const dropStatusMoves = [
  'DROP FUNCTION admin_backups_check_status()',
  'DROP FUNCTION drills_check_status()',
];
