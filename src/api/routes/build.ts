import { TRACE_HEADER } from '../../core/build-trace.ts'
import type { ContextListing, ListedEntry } from '../../core/context-listing.ts'
import { EngineError } from '../../core/error.ts'
import { parseKeep } from '../../engine/build/cache-usage.ts'
import type { BuildRequest, BuildResources } from '../../engine/build/request.ts'
import type { Engine } from '../../engine/engine.ts'
import { bytesOf, json, jsonLines, type Call, type Route } from '../router.ts'

/** A parameter that holds JSON; clients send it empty or null as well. */
function jsonParam<T>({ query }: Call, name: string, fallback: T): T {
  const text = query.string(name)
  if (text === '') return fallback
  try {
    return (JSON.parse(text) as T | null) ?? fallback
  } catch (cause) {
    throw new EngineError('invalid-parameter', `error reading ${name}: invalid JSON`, { cause })
  }
}

/** JSON, or a list that repeats its name or is joined by commas (moby httputils, and what podman's clients send). */
function listParam(call: Call, name: string): readonly string[] {
  const text = call.query.string(name)
  if (text.startsWith('[') || text === 'null') return jsonParam<readonly string[]>(call, name, [])
  return call.query
    .strings(name)
    .flatMap((item) => item.split(','))
    .filter((item) => item !== '')
}

/** Null values are names whose value the client doesn't have. */
const withoutNulls = (values: Readonly<Record<string, string | null>>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(values).filter((pair): pair is [string, string] => pair[1] !== null),
  )

function resourcesOf(call: Call): BuildResources {
  const { query } = call
  const number = (name: string): number => query.int(name) ?? 0
  return {
    memory: number('memory'),
    memorySwap: number('memswap'),
    cpuShares: number('cpushares'),
    cpuPeriod: number('cpuperiod'),
    cpuQuota: number('cpuquota'),
    shmSize: number('shmsize'),
    ulimits: jsonParam<BuildResources['ulimits']>(call, 'ulimits', []),
  }
}

/** The parameters of POST /build (moby daemon/server/router/build/build_routes.go). */
function buildRequest(call: Call): BuildRequest {
  const { query, request, signal } = call
  const version = query.string('version')
  if (version === '2') {
    throw new EngineError(
      'not-implemented',
      'Drydock does not speak the BuildKit protocol: build with DOCKER_BUILDKIT=0, or with the docker command of Drydock',
    )
  }
  if (version !== '' && version !== '1') {
    throw new EngineError('invalid-parameter', `invalid version ${version}`)
  }
  if (query.string('remote') !== '' && query.string('remote') !== 'client-session') {
    throw new EngineError(
      'not-implemented',
      'Drydock can not fetch a remote build context: send it as the body of the request',
    )
  }
  if (query.string('cachefrom') !== '') jsonParam(call, 'cachefrom', [])
  if (query.bool('squash')) {
    throw new EngineError('invalid-parameter', 'squash is only supported with experimental mode')
  }
  const bundle = query.string('bundle') !== ''
  return {
    archive: request.body ?? bytesOf(new Uint8Array()),
    dockerfile: query.string('dockerfile') || 'Dockerfile',
    tags: query.strings('t').filter((tag) => tag !== ''),
    quiet: query.bool('q'),
    noCache: query.bool('nocache'),
    noCacheFilter: listParam(call, 'nocachefilter'),
    cacheFrom: listParam(call, 'cachefrom'),
    pull: query.bool('pull'),
    buildArgs: withoutNulls(jsonParam(call, 'buildargs', {})),
    labels: jsonParam(call, 'labels', {}),
    network: query.string('networkmode'),
    extraHosts: listParam(call, 'extrahosts'),
    target: query.string('target'),
    platform: query.string('platform'),
    resources: resourcesOf(call),
    secrets: new Map(),
    bundle,
    listing: query.string('listing'),
    contexts: jsonParam(call, 'contexts', {}),
    trace: request.headers[TRACE_HEADER] !== undefined,
    requestId: request.id,
    signal,
  }
}

const isEntry = (value: unknown): value is ListedEntry => {
  if (!Array.isArray(value)) return false
  const [path, kind, mode, size, mtime, target] = value as unknown[]
  return (
    typeof path === 'string' &&
    path !== '' &&
    (kind === 'file' || kind === 'directory' || kind === 'symlink') &&
    [mode, size, mtime].every((number) => typeof number === 'number') &&
    (target === undefined || typeof target === 'string')
  )
}

/** @throws EngineError `invalid-parameter` */
function listingOf(value: unknown): ContextListing {
  const { key, entries } = (value ?? {}) as Partial<ContextListing>
  if (typeof key !== 'string' || !Array.isArray(entries) || !entries.every(isEntry)) {
    throw new EngineError('invalid-parameter', 'the listing of a context is malformed')
  }
  return { key, entries }
}

export const buildRoutes = ({ builder }: Engine): readonly Route[] => [
  {
    method: 'POST',
    path: '/build',
    limits: "the classic builder's; BuildKit's protocol is refused",
    handle: async (call) => jsonLines(await builder.build(buildRequest(call))),
  },
  {
    method: 'POST',
    path: '/build/context',
    limits: "Drydock's own",
    handle: async (call) => json(200, builder.offer(listingOf(await call.json()))),
  },
  {
    method: 'POST',
    path: '/build/prune',
    handle: async ({ query }) =>
      json(
        200,
        await builder.prune({
          all: query.bool('all'),
          keep: parseKeep(query.string('keep-storage') || query.string('reserved-space')),
          filters: query.filters(),
        }),
      ),
  },
]
