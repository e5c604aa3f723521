/** Gives backups their old ids back where nobody else can have them. */
import type { EntityManager } from 'typeorm';

/** Further ahead a backup gets a new id: a manifest may claim any number. */
const maxAhead = 1_000_000;

/**
 * An id is free for certain only when the sequence gave it to us: a request that is being accepted may have drawn any other. So every id
 * up to the wanted one is drawn, and those passed over are kept for manifests still to come.
 */
export class BackupIds {
  readonly #drawn = new Set<number>();

  /** The wanted id, else a new one. */
  async take(manager: EntityManager, wanted: number): Promise<number> {
    if (!this.#drawn.has(wanted)) {
      await this.#drawUpTo(manager, wanted);
    }
    const id = this.#drawn.delete(wanted) ? wanted : null;
    return id ?? (await draw(manager, 1))[0] ?? 0;
  }

  async #drawUpTo(manager: EntityManager, wanted: number): Promise<void> {
    const [{ last }] = (await manager.query(
      `SELECT (CASE WHEN is_called THEN last_value ELSE last_value - 1 END)::float8 AS last FROM admin_backups_id_seq`,
    )) as [{ last: number }];
    const ahead = wanted - last;
    if (ahead > 0 && ahead <= maxAhead) {
      for (const id of await draw(manager, ahead)) {
        this.#drawn.add(id);
      }
    }
  }
}

async function draw(manager: EntityManager, count: number): Promise<number[]> {
  const rows = (await manager.query(
    `SELECT nextval('admin_backups_id_seq')::int AS id FROM generate_series(1, $1::int)`,
    [count],
  )) as { id: number }[];
  return rows.map(({ id }) => id);
}
