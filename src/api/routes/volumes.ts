import type { Shape } from '../../codec/json-shape.ts'
import { EngineError } from '../../core/error.ts'
import type { Engine } from '../../engine/engine.ts'
import { empty, json, type Call, type Route } from '../router.ts'

const nameOf = ({ params }: Call): string => params['name'] ?? ''

const createRequest: Shape = {
  struct: 'volume.CreateOptions',
  fields: {
    Name: 'string',
    Driver: 'string',
    DriverOpts: { map: 'string' },
    Labels: { map: 'string' },
    ClusterVolumeSpec: 'object',
  },
}

interface CreateBody {
  readonly Name?: string | null
  readonly Driver?: string | null
  readonly DriverOpts?: Readonly<Record<string, string>> | null
  readonly Labels?: Readonly<Record<string, string>> | null
}

const NO_MANAGER =
  'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm and try again.'

export const volumeRoutes = ({ volumes }: Engine): readonly Route[] => [
  {
    method: 'GET',
    path: '/volumes',
    handle: ({ query }) =>
      Promise.resolve(json(200, { Volumes: volumes.list(query.filters()), Warnings: null })),
  },
  {
    method: 'POST',
    path: '/volumes/create',
    limits: 'the `local` driver',
    handle: async (call) => {
      const body = (await call.json<CreateBody>(createRequest)) ?? {}
      const created = await volumes.create({
        name: body.Name ?? '',
        driver: body.Driver ?? '',
        options: body.DriverOpts ?? null,
        labels: body.Labels ?? null,
      })
      return json(201, created)
    },
  },
  {
    method: 'POST',
    path: '/volumes/prune',
    handle: async ({ query }) => json(200, await volumes.prune(query.filters())),
  },
  {
    method: 'GET',
    path: '/volumes/{name}',
    handle: (call) => Promise.resolve(json(200, volumes.inspect(nameOf(call)))),
  },
  {
    method: 'DELETE',
    path: '/volumes/{name}',
    handle: async (call) => {
      await volumes.remove(nameOf(call), { force: call.query.bool('force') })
      return empty()
    },
  },
  {
    method: 'PUT',
    path: '/volumes/{name}',
    handle: () => Promise.reject(new EngineError('unavailable', NO_MANAGER)),
  },
]
