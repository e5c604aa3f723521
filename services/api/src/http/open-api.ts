/** OpenAPI 3.1 from the routes' own schemas, and a page to browse it. */
import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance } from 'fastify';

export const docsPath = '/api/docs';

export async function registerOpenApi(server: FastifyInstance): Promise<void> {
  await server.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Holdfast',
        version: '0.1.0',
        description: 'PostgreSQL backups that prove they can be restored.',
      },
      components: { securitySchemes: { token: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' } } },
      security: [{ token: [] }],
    },
  });
  await server.register(swaggerUi, { routePrefix: docsPath });
  server.get(
    '/api/openapi.json',
    { config: { permission: 'api.describe' }, schema: { hide: true } },
    async () => server.swagger(),
  );
}
