import type { Shape } from '../../codec/json-shape.ts'
import { EngineError } from '../../core/error.ts'
import type { EndpointSettings } from '../../core/engine-api.ts'
import type { EngineResponse } from '../../core/engine-http.ts'
import { endpoint } from '../../engine/containers/body.ts'
import type { Engine } from '../../engine/engine.ts'
import { connectContainer, disconnectContainer } from '../../engine/networks/connections.ts'
import type { NetworkCreateRequest } from '../../engine/networks/create.ts'
import { empty, json, type Route } from '../router.ts'

interface ConnectRequest {
  readonly Container?: string
  readonly EndpointConfig?: Partial<EndpointSettings> | null
  readonly Force?: boolean
}

const textByName: Shape = { map: 'string' }

const createBody: Shape = {
  struct: 'network.CreateRequest',
  fields: {
    Name: 'string',
    Driver: 'string',
    Scope: 'string',
    EnableIPv4: 'bool',
    EnableIPv6: 'bool',
    Internal: 'bool',
    Attachable: 'bool',
    Ingress: 'bool',
    ConfigOnly: 'bool',
    Options: textByName,
    Labels: textByName,
    IPAM: {
      struct: 'network.IPAM',
      fields: {
        Driver: 'string',
        Options: textByName,
        Config: {
          list: {
            struct: 'network.IPAMConfig',
            fields: {
              Subnet: 'string',
              IPRange: 'string',
              Gateway: 'string',
              AuxiliaryAddresses: textByName,
            },
          },
        },
      },
    },
  },
}

const connectBody: Shape = {
  struct: 'network.ConnectOptions',
  fields: { Container: 'string', EndpointConfig: endpoint, Force: 'bool' },
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
      json(201, await networks.create((await call.json<NetworkCreateRequest>(createBody)) ?? {})),
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
      const request = await call.json<ConnectRequest>(connectBody)
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
      const request = await call.json<ConnectRequest>(connectBody)
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
