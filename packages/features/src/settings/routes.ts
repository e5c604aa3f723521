/** HTTP: the settings. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { SettingsView, UpdateSettings } from '@holdfast/contracts/settings';
import type { DataSource } from 'typeorm';
import { actorOf } from '../auth/index.ts';
import { readSettings } from './read-settings.ts';
import { presentSettings } from './settings.presenter.ts';
import { updateSettings } from './update-settings.ts';

const tags = ['settings'];

export const settingsRoutes: FastifyPluginAsyncTypebox<{ source: DataSource }> = async (app, deps) => {
  app.get(
    '/settings',
    {
      config: { permission: 'settings.read' },
      schema: { tags, summary: 'The settings in force', response: { 200: SettingsView } },
    },
    async () => presentSettings(await readSettings(deps.source)),
  );

  app.put(
    '/settings',
    {
      config: { permission: 'settings.write' },
      schema: {
        tags,
        summary: 'Change settings; what is not named stays, and nothing needs a restart',
        body: UpdateSettings,
        response: { 200: SettingsView },
      },
    },
    async (request) => presentSettings(await updateSettings(deps.source, request.body, actorOf(request))),
  );
};
