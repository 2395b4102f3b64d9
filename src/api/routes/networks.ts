import { EngineError } from '../../core/error.ts'
import type { EndpointSettings } from '../../core/engine-api.ts'
import type { EngineResponse } from '../../core/engine-http.ts'
import type { Engine } from '../../engine/engine.ts'
import { connectContainer, disconnectContainer } from '../../engine/networks/connections.ts'
import type { NetworkCreateRequest } from '../../engine/networks/create.ts'
import { empty, json, type Route } from '../router.ts'

interface ConnectRequest {
  readonly Container?: string
  readonly EndpointConfig?: Partial<EndpointSettings> | null
  readonly Force?: boolean
}

/** Docker answers 200 without a body. */
const done = (): EngineResponse => ({ status: 200, headers: { 'content-length': '0' } })

const containerOf = (request: ConnectRequest | undefined): string => {
  if (request?.Container) return request.Container
  throw new EngineError('invalid-parameter', 'a container is required')
}

export const networkRoutes = ({ networks, containers }: Engine): readonly Route[] => [
  {
    method: 'GET',
    path: '/networks',
    handle: async ({ query }) => json(200, networks.list(query.filters())),
  },
  {
    method: 'POST',
    path: '/networks/create',
    handle: async (call) =>
      json(201, await networks.create((await call.json<NetworkCreateRequest>()) ?? {})),
  },
  {
    method: 'POST',
    path: '/networks/prune',
    handle: async ({ query }) => json(200, await networks.prune(query.filters())),
  },
  {
    method: 'POST',
    path: '/networks/{id}/connect',
    handle: async (call) => {
      const request = await call.json<ConnectRequest>()
      await connectContainer(
        containers,
        call.params['id'] ?? '',
        containerOf(request),
        request?.EndpointConfig ?? {},
      )
      return done()
    },
  },
  {
    method: 'POST',
    path: '/networks/{id}/disconnect',
    handle: async (call) => {
      const request = await call.json<ConnectRequest>()
      await disconnectContainer(containers, call.params['id'] ?? '', containerOf(request))
      return done()
    },
  },
  {
    method: 'GET',
    path: '/networks/{id}',
    handle: async ({ params }) => json(200, networks.inspect(params['id'] ?? '')),
  },
  {
    method: 'DELETE',
    path: '/networks/{id}',
    handle: async ({ params }) => {
      await networks.remove(params['id'] ?? '')
      return empty(204)
    },
  },
]
