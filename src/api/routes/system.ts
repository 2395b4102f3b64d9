import { API_VERSION } from '../../core/engine-api.ts'
import type { EngineResponse } from '../../core/engine-http.ts'
import { EngineError } from '../../core/error.ts'
import type { Engine } from '../../engine/engine.ts'
import type { Credentials } from '../../engine/images/images.ts'
import { bytesOf, json, jsonLines, type Call, type Route } from '../router.ts'

/** `_ping` alone says these (moby daemon/server/router/system/system_routes.go). */
const PING_HEADERS = {
  'builder-version': '1',
  swarm: 'inactive',
  'cache-control': 'no-cache, no-store, must-revalidate',
  pragma: 'no-cache',
  'content-type': 'text/plain; charset=utf-8',
} as const

const EVENT_FILTERS = [
  'container',
  'daemon',
  'event',
  'image',
  'label',
  'network',
  'plugin',
  'scope',
  'type',
  'volume',
] as const

const ping = async ({ request }: Call): Promise<EngineResponse> => {
  if (request.method === 'HEAD') {
    return { status: 200, headers: { ...PING_HEADERS, 'content-length': '0' } }
  }
  return {
    status: 200,
    headers: { ...PING_HEADERS, 'content-length': '2' },
    body: bytesOf(new TextEncoder().encode('OK')),
  }
}

export const systemRoutes = ({ context, system, images }: Engine): readonly Route[] => [
  { method: 'HEAD', path: '/_ping', handle: ping },
  { method: 'GET', path: '/_ping', handle: ping },
  { method: 'GET', path: '/version', handle: async () => json(200, await system.version()) },
  { method: 'GET', path: '/info', handle: async () => json(200, await system.info()) },
  {
    method: 'GET',
    path: '/events',
    handle: async ({ query, signal }) => {
      const since = query.time('since')
      const until = query.time('until')
      if (since !== undefined && until !== undefined && since > until) {
        throw new EngineError(
          'invalid-parameter',
          '`since` time (' +
            `${query.string('since')}) cannot be after \`until\` time (${query.string('until')})`,
        )
      }
      const filters = query.filters()
      filters.check(EVENT_FILTERS)
      return jsonLines(
        context.events.subscribe(
          {
            filters,
            ...(since !== undefined && { since }),
            ...(until !== undefined && { until }),
          },
          signal,
        ),
      )
    },
  },
  {
    method: 'GET',
    path: '/system/df',
    handle: async ({ query, signal }) => {
      const types = query.strings('type')
      const wants = (type: string): boolean => types.length === 0 || types.includes(type)
      return json(200, await system.diskUsage(wants, signal))
    },
  },
  {
    method: 'POST',
    path: '/auth',
    handle: async (call) => {
      await images.login((await call.json<Credentials>()) ?? {}, call.signal)
      return json(200, { Status: 'Login Succeeded', IdentityToken: '' })
    },
  },
  /** Drydock's own: all that a report of a fault needs. */
  {
    method: 'GET',
    path: '/drydock/diagnostics',
    limits: "Drydock's own",
    handle: async () => json(200, { apiVersion: API_VERSION, ...(await system.diagnostics()) }),
  },
]
