/** HTTP: the registry of databases. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import {
  DatabaseInput,
  DatabaseList,
  DatabaseTest,
  DatabaseView,
  ListDatabasesQuery,
  ListTablesQuery,
  TableList,
} from '@holdfast/contracts/databases';
import { IdParam } from '@holdfast/contracts/schema';
import { Type } from '@sinclair/typebox';
import { actorOf } from '../auth/index.ts';
import { presentDatabase } from './database.presenter.ts';
import { deleteDatabase } from './delete-database.ts';
import { findEntry } from './find-entry.ts';
import { listDatabases } from './list-databases.ts';
import { listTables } from './list-tables.ts';
import { registerDatabase, updateDatabase } from './save-database.ts';
import { type TestDatabaseDeps, testDatabase } from './test-database.ts';

const tags = ['databases'];

export const databaseRoutes: FastifyPluginAsyncTypebox<TestDatabaseDeps> = async (app, deps) => {
  app.get(
    '/databases',
    {
      config: { permission: 'databases.read' },
      schema: {
        tags,
        summary: 'List the registered databases',
        querystring: ListDatabasesQuery,
        response: { 200: DatabaseList },
      },
    },
    async (request) => {
      const page = await listDatabases(deps.source, request.query);
      return { ...page, items: page.items.map(presentDatabase) };
    },
  );

  app.post(
    '/databases',
    {
      config: { permission: 'databases.write' },
      schema: { tags, summary: 'Register a database', body: DatabaseInput, response: { 201: DatabaseView } },
    },
    async (request, reply) => {
      const row = await registerDatabase(deps, request.body, actorOf(request));
      reply.code(201).header('location', `${app.prefix}/databases/${row.id}`);
      return presentDatabase(row);
    },
  );

  app.get(
    '/databases/:id',
    {
      config: { permission: 'databases.read' },
      schema: { tags, summary: 'One registered database', params: IdParam, response: { 200: DatabaseView } },
    },
    async (request) => presentDatabase(await findEntry(deps.source.manager, Number(request.params.id))),
  );

  app.put(
    '/databases/:id',
    {
      config: { permission: 'databases.write' },
      schema: {
        tags,
        summary: 'Change the entry of a database; a password that is left out stays',
        params: IdParam,
        body: DatabaseInput,
        response: { 200: DatabaseView },
      },
    },
    async (request) =>
      presentDatabase(await updateDatabase(deps, Number(request.params.id), request.body, actorOf(request))),
  );

  app.delete(
    '/databases/:id',
    {
      config: { permission: 'databases.write' },
      schema: {
        tags,
        summary: 'Take a database out of the registry; its backups stay',
        params: IdParam,
        response: { 204: Type.Null() },
      },
    },
    async (request, reply) => {
      await deleteDatabase(deps.source, Number(request.params.id), actorOf(request));
      return await reply.code(204).send(null);
    },
  );

  app.post(
    '/databases/:id/test',
    {
      config: { permission: 'databases.read', rateLimit: { max: 60, timeWindow: '1 minute' } },
      schema: {
        tags,
        summary: 'Connect, and say what could and could not be done there',
        params: IdParam,
        response: { 200: DatabaseTest },
      },
    },
    async (request) => await testDatabase(deps, Number(request.params.id)),
  );

  app.get(
    '/databases/:id/tables',
    {
      config: { permission: 'databases.read' },
      schema: {
        tags,
        summary: 'Tables, views and sequences as they are now',
        params: IdParam,
        querystring: ListTablesQuery,
        response: { 200: TableList },
      },
    },
    async (request) => await listTables(deps, Number(request.params.id), request.query),
  );
};
