import { EngineError, type ErrorCode } from '../../core/error.ts'
import { json, type Route } from '../router.ts'

/** Answers of Docker's operations that Drydock has nothing behind: the true ones, so that clients stop in time. */

const methods = ['GET', 'POST', 'PUT', 'DELETE'] as const

const refuse = (
  method: Route['method'],
  path: string,
  code: ErrorCode,
  message: string | ((name: string) => string),
): Route => ({
  method,
  path,
  refused: code,
  handle: ({ params }) =>
    Promise.reject(
      new EngineError(code, typeof message === 'string' ? message : message(params['name'] ?? '')),
    ),
})

const answer = (method: Route['method'], path: string, value: unknown, limits: string): Route => ({
  method,
  path,
  limits,
  handle: () => Promise.resolve(json(200, value)),
})

const notYet = (method: Route['method'], path: string, what: string): Route =>
  refuse(method, path, 'not-implemented', `Drydock can not ${what} yet`)

const NO_MANAGER =
  'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm and try again.'

const swarm: readonly Route[] = [
  refuse('POST', '/swarm/leave', 'unavailable', 'This node is not part of a swarm'),
  notYet('POST', '/swarm/init', 'make a swarm'),
  notYet('POST', '/swarm/join', 'join a swarm'),
  ...['swarm', 'nodes', 'services', 'tasks', 'secrets', 'configs'].flatMap((resource) =>
    methods.flatMap((method) => [
      refuse(method, `/${resource}`, 'unavailable', NO_MANAGER),
      refuse(method, `/${resource}/{name...}`, 'unavailable', NO_MANAGER),
    ]),
  ),
]

const noPlugin = (name: string): string => `plugin "${name}" not found`

const plugins: readonly Route[] = [
  answer('GET', '/plugins', [], 'there are none'),
  refuse('GET', '/plugins/{name...}/json', 'not-found', noPlugin),
  refuse('DELETE', '/plugins/{name...}', 'not-found', noPlugin),
  ...['enable', 'disable', 'upgrade', 'push', 'set'].map((verb) =>
    refuse('POST', `/plugins/{name...}/${verb}`, 'not-found', noPlugin),
  ),
]

const images: readonly Route[] = [notYet('GET', '/images/search', 'search registries')]

export const elsewhereRoutes: readonly Route[] = [...swarm, ...plugins, ...images]
