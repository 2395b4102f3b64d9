import { API_VERSION, MIN_API_VERSION } from '../core/engine-api.ts'
import type { EngineHandler, EngineRequest, EngineResponse } from '../core/engine-http.ts'
import { EngineError, statusOf } from '../core/error.ts'
import type { Engine } from '../engine/engine.ts'
import { buildRoutes } from './routes/build.ts'
import { containerRoutes } from './routes/containers.ts'
import { elsewhereRoutes } from './routes/elsewhere.ts'
import { execRoutes } from './routes/exec.ts'
import { networkRoutes } from './routes/networks.ts'
import { imageRoutes } from './routes/images.ts'
import { systemRoutes } from './routes/system.ts'
import { volumeRoutes } from './routes/volumes.ts'
import { callOf, json, Router, type Route } from './router.ts'

/** Every route of the API, by resource. */
export const routesOf = (engine: Engine): readonly Route[] => [
  ...systemRoutes(engine),
  ...imageRoutes(engine),
  ...buildRoutes(engine),
  ...containerRoutes(engine),
  ...execRoutes(engine),
  ...networkRoutes(engine),
  ...volumeRoutes(engine),
  ...elsewhereRoutes,
]

/** The Engine API of an engine: the only door into it. Never rejects. */
export function createApi(engine: Engine): EngineHandler {
  const router = new Router(routesOf(engine))
  const { log, clock, version } = engine.context
  const headers = {
    'api-version': API_VERSION,
    'docker-experimental': 'false',
    ostype: 'linux',
    server: `Docker/${version.version} (linux)`,
  }
  return async (request) => {
    const started = clock.monotonic()
    const response = await answer(router, request)
    log.add(`${request.method} ${request.path} ${response.status}`, {
      request: request.id,
      stages: { api: clock.monotonic() - started },
    })
    return { ...response, headers: { ...headers, ...response.headers } }
  }
}

async function answer(router: Router, request: EngineRequest): Promise<EngineResponse> {
  try {
    const [pathname = '', search = ''] = request.path.split(/\?(.*)/s)
    const { path, minor } = splitVersion(pathname)
    const found = router.find(request.method, path)
    if (!found) throw new EngineError('not-found', 'page not found')
    return await found.route.handle(callOf(request, found.params, search, minor))
  } catch (error) {
    return errorResponse(error)
  }
}

function errorResponse(error: unknown): EngineResponse {
  const code = error instanceof EngineError ? error.code : 'internal'
  const status = statusOf[code]
  if (status === 304) return { status, headers: {} }
  return json(status, { message: error instanceof Error ? error.message : String(error) })
}

const minorOf = (version: string): number => Number(version.split('.')[1])

/**
 * `/v1.41/info` → `/info` of 41; without a version the newest.
 * @throws EngineError `invalid-parameter` in Docker's words (moby daemon/server/middleware/version.go)
 */
function splitVersion(pathname: string): { readonly path: string; readonly minor: number } {
  const found = /^\/v(\d+)\.(\d+)(\/.*)$/.exec(pathname)
  if (!found) return { path: pathname, minor: minorOf(API_VERSION) }
  const [, major = '', minorText = '', path = ''] = found
  const version = `${major}.${minorText}`
  const minor = Number(minorText)
  if (Number(major) > 1 || (major === '1' && minor > minorOf(API_VERSION))) {
    throw new EngineError(
      'invalid-parameter',
      `client version ${version} is too new. Maximum supported API version is ${API_VERSION}`,
    )
  }
  if (Number(major) < 1 || minor < minorOf(MIN_API_VERSION)) {
    throw new EngineError(
      'invalid-parameter',
      `client version ${version} is too old. Minimum supported API version is ${MIN_API_VERSION}, please upgrade your client to a newer version`,
    )
  }
  return { path, minor }
}
