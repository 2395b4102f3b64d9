import { EngineError } from '../../core/error.ts'
import {
  pauseContainer,
  renameContainer,
  resizeContainer,
  unpauseContainer,
  updateContainer,
  type UpdateBody,
} from '../../engine/containers/change.ts'
import { hostConfig } from '../../engine/containers/body.ts'
import { inspectContainer } from '../../engine/containers/inspect.ts'
import { containerSize } from '../../engine/containers/size.ts'
import { listContainers, pruneContainers } from '../../engine/containers/list.ts'
import type { StopOptions } from '../../engine/containers/stop.ts'
import { topContainer } from '../../engine/containers/top.ts'
import type { Engine } from '../../engine/engine.ts'
import { empty, json, type Call, type Route } from '../router.ts'
import { containerFileRoutes } from './container-files.ts'
import { containerStreamRoutes } from './container-streams.ts'

const nameOf = ({ params }: Call): string => params['name'] ?? ''

/** Given as `linux/386` or as JSON of an OCI platform. */
function platformOf({ query }: Call): string {
  const text = query.string('platform')
  if (!text.startsWith('{')) return text
  try {
    const { os = 'linux', architecture = '' } = JSON.parse(text) as Record<string, string>
    return `${os}/${architecture}`
  } catch (cause) {
    throw new EngineError('invalid-parameter', `invalid JSON: ${String(cause)}`, { cause })
  }
}

function stopOptions({ query }: Call): StopOptions {
  const timeout = query.atoi('t')
  const signal = query.string('signal')
  return { ...(timeout === undefined ? {} : { timeout }), ...(signal === '' ? {} : { signal }) }
}

/** Height and width of a terminal, in characters. */
export function sizeOf({ query }: Call): { readonly cols: number; readonly rows: number } {
  const read = (name: 'h' | 'w'): number => {
    const text = query.string(name)
    const value = Number(text)
    if (/^\d+$/.test(text) && value <= 0xffff) return value
    const reason = /^\d+$/.test(text) ? 'value out of range' : 'invalid syntax'
    const what = name === 'h' ? 'height' : 'width'
    throw new EngineError('invalid-parameter', `invalid resize ${what} "${text}": ${reason}`)
  }
  return { rows: read('h'), cols: read('w') }
}

export const containerRoutes = (engine: Engine): readonly Route[] => [
  ...queryRoutes(engine),
  ...lifeRoutes(engine),
  ...containerStreamRoutes(engine),
  ...containerFileRoutes(engine),
]

const queryRoutes = ({ containers }: Engine): readonly Route[] => [
  {
    method: 'GET',
    path: '/containers/json',
    handle: async ({ query }) => {
      const limit = query.atoi('limit')
      return json(
        200,
        await listContainers(containers, {
          all: query.bool('all'),
          filters: query.filters(),
          size: query.bool('size'),
          ...(limit === undefined ? {} : { limit }),
        }),
      )
    },
  },
  {
    method: 'GET',
    path: '/containers/{name}/json',
    handle: async (call) => {
      const container = containers.get(nameOf(call))
      const size = call.query.bool('size') ? await containerSize(containers, container) : undefined
      return json(200, inspectContainer(containers, container, size))
    },
  },
  {
    method: 'GET',
    path: '/containers/{name}/top',
    handle: async (call) =>
      json(
        200,
        await topContainer(
          containers,
          containers.get(nameOf(call)),
          call.query.string('ps_args') || '-ef',
        ),
      ),
  },
]

const lifeRoutes = ({ containers }: Engine): readonly Route[] => [
  {
    method: 'POST',
    path: '/containers/create',
    handle: async (call) => {
      const body = await call.json<unknown>()
      const { id, warnings } = await containers.create({
        name: call.query.string('name'),
        platform: platformOf(call),
        body,
      })
      return json(201, { Id: id, Warnings: warnings })
    },
  },
  {
    method: 'POST',
    path: '/containers/prune',
    handle: async ({ query }) => json(200, await pruneContainers(containers, query.filters())),
  },
  {
    method: 'POST',
    path: '/containers/{name}/start',
    handle: async (call) => {
      await containers.start(nameOf(call), call.request.id, call.signal)
      return empty()
    },
  },
  {
    method: 'POST',
    path: '/containers/{name}/stop',
    handle: async (call) => {
      await containers.stop(nameOf(call), stopOptions(call))
      return empty()
    },
  },
  {
    method: 'POST',
    path: '/containers/{name}/restart',
    handle: async (call) => {
      await containers.restart(nameOf(call), { ...stopOptions(call), requestId: call.request.id })
      return empty()
    },
  },
  {
    method: 'POST',
    path: '/containers/{name}/kill',
    handle: async (call) => {
      await containers.kill(nameOf(call), call.query.string('signal'))
      return empty()
    },
  },
  {
    method: 'POST',
    path: '/containers/{name}/pause',
    handle: async (call) => {
      await pauseContainer(containers, containers.get(nameOf(call)))
      return empty()
    },
  },
  {
    method: 'POST',
    path: '/containers/{name}/unpause',
    handle: async (call) => {
      await unpauseContainer(containers, containers.get(nameOf(call)))
      return empty()
    },
  },
  {
    method: 'POST',
    path: '/containers/{name}/rename',
    handle: async (call) => {
      const container = containers.get(nameOf(call))
      await renameContainer(containers, container, call.query.string('name'))
      return empty()
    },
  },
  {
    method: 'POST',
    path: '/containers/{name}/update',
    handle: async (call) => {
      const container = containers.get(nameOf(call))
      const body = (await call.json<UpdateBody>(hostConfig)) ?? {}
      return json(200, await updateContainer(containers, container, body))
    },
  },
  {
    method: 'POST',
    path: '/containers/{name}/resize',
    handle: async (call) => {
      await resizeContainer(containers, containers.get(nameOf(call)), sizeOf(call))
      return empty(200)
    },
  },
  {
    method: 'DELETE',
    path: '/containers/{name}',
    handle: async (call) => {
      if (call.query.bool('link')) {
        throw new EngineError('not-implemented', 'links between containers are not supported')
      }
      await containers.remove(nameOf(call), {
        force: call.query.bool('force'),
        volumes: call.query.bool('v'),
      })
      return empty()
    },
  },
]
