/** A registered target database. */
import { generated, integer, json, nullable, text, timestamp, uuid } from '@holdfast/platform/db/columns';
import { EntitySchema } from 'typeorm';

export interface DatabaseRow {
  id: number;
  name: string;
  host: string;
  port: number;
  databaseName: string;
  username: string;
  passwordSealed: string | null;
  sslMode: string;
  sslRootCert: string | null;
  /** Of its backups; null for what the settings say. */
  storageLocation: string | null;
  /** Further targets of its backups; null for what the settings say. */
  copies: string[] | null;
  tags: string[];
  /**
   * `environment`: named by TARGET_DATABASE_URL, which is where its connection is changed. `rebuilt`: known from manifests alone, until
   * somebody says where it is.
   */
  origin: 'registered' | 'environment' | 'rebuilt';
  createdBy: string | null;
  updatedBy: string | null;
  createdAt: Date;
  updatedAt: Date;
  deletedAt: Date | null;
}

export const DatabaseEntity = new EntitySchema<DatabaseRow>({
  name: 'Database',
  tableName: 'databases',
  columns: {
    id: { ...integer('id'), primary: true, generated: 'increment' },
    name: text('name'),
    host: text('host'),
    port: integer('port'),
    databaseName: text('database_name'),
    username: text('username'),
    passwordSealed: nullable(text('password_sealed')),
    sslMode: text('ssl_mode'),
    sslRootCert: nullable(text('ssl_root_cert')),
    storageLocation: nullable(text('storage_location')),
    copies: nullable(json('copies')),
    tags: generated(json('tags')),
    origin: generated(text('origin')),
    createdBy: nullable(uuid('created_by')),
    updatedBy: nullable(uuid('updated_by')),
    createdAt: generated(timestamp('created_at')),
    updatedAt: generated(timestamp('updated_at')),
    deletedAt: nullable(timestamp('deleted_at')),
  },
});
