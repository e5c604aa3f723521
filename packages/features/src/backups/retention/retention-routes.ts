/** HTTP: what retention lets go, and cleaning up on demand. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { CleanupResult, RetentionPreview } from '@holdfast/contracts/retention';
import type { Clock } from '@holdfast/platform/clock';
import { actorOf } from '../../auth/index.ts';
import type { RequestDeps } from '../../operations/index.ts';
import { readSettings } from '../../settings/index.ts';
import { cleanUp } from './clean-up.ts';
import { nextCleanupTime } from './cleanup-time.ts';
import { planCleanup } from './plan-cleanup.ts';

export const retentionRoutes: FastifyPluginAsyncTypebox<RequestDeps & { readonly clock: Clock }> = async (
  app,
  deps,
) => {
  app.get(
    '/storage/retention-preview',
    {
      config: { permission: 'retention.preview' },
      schema: {
        tags: ['storage'],
        summary: 'What cleaning up would remove now, and which rule says so',
        response: { 200: RetentionPreview },
      },
    },
    async () => {
      const settings = await readSettings(deps.source);
      const items = await planCleanup(deps.source.manager);
      return {
        items,
        sizeBytes: items.reduce((sum, { fileSize }) => sum + fileSize, 0),
        nextCleanupAt: settings.autoCleanupEnabled
          ? nextCleanupTime(settings, deps.clock.now()).toISOString()
          : null,
      };
    },
  );

  app.post(
    '/storage/cleanup',
    {
      config: { permission: 'retention.clean-up' },
      schema: {
        tags: ['storage'],
        summary: 'Remove now what the preview shows',
        response: { 200: CleanupResult },
      },
    },
    async (request) => await cleanUp(deps, actorOf(request)),
  );
};
