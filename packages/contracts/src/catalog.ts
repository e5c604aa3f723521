/** The catalogue over HTTP: its rows recreated from the manifests that lie beside the backups. */
import { type Static, Type } from '@sinclair/typebox';
import { operationFields, operationStatuses } from './operations.ts';
import { Count, Nullable, OneOf, StorageLocation } from './schema.ts';

/** Why nothing was recreated from a manifest. */
export const rebuildSkipReasons = [
  'manifest_unreadable',
  'manifest_misplaced',
  'signature_differs',
  'file_missing',
  'size_differs',
  'globals_missing',
  'name_taken',
] as const;
export type RebuildSkipReason = (typeof rebuildSkipReasons)[number];

export const RebuildCatalog = Type.Object(
  {
    storageTarget: Type.Optional(StorageLocation),
    acceptUnsigned: Type.Optional(
      Type.Boolean({
        default: false,
        description:
          'Take manifests that another HOLDFAST_SECRET_KEY signed; their backups are marked and not trusted until somebody does',
      }),
    ),
  },
  { additionalProperties: false },
);
export type RebuildCatalog = Static<typeof RebuildCatalog>;

export const RebuildResult = Type.Object({
  storageTarget: Type.String(),
  found: Type.Integer({ description: 'Manifests in the storage' }),
  recreated: Count,
  alreadyThere: Type.Integer({ description: 'Backups that the catalogue had; left as they were' }),
  skipped: Count,
  filesWithoutManifest: Type.Integer({ description: 'Archives that no manifest speaks of' }),
  databasesCreated: Type.Array(Type.String(), {
    description: 'Entries of the registry made for names that it did not have; they need their connection',
  }),
  skippedManifests: Type.Array(
    Type.Object({ path: Type.String(), reason: OneOf(rebuildSkipReasons), detail: Type.String() }),
    { description: 'The first 1,000' },
  ),
});
export type RebuildResult = Static<typeof RebuildResult>;

export const RebuildView = Type.Object(
  {
    operationId: Type.String(),
    storageTarget: Type.String(),
    acceptUnsigned: Type.Boolean(),
    status: OneOf(operationStatuses),
    ...operationFields,
    result: Nullable(RebuildResult),
  },
  { $id: 'CatalogRebuild' },
);
export type RebuildView = Static<typeof RebuildView>;
