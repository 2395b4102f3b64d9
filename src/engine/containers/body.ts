import { EngineError } from '../../core/error.ts'
import type { CreateBody } from './config.ts'

type Kind = 'string' | 'bool' | 'int' | '[]string' | 'map[string]string' | 'object'

const members: Readonly<Record<string, Kind>> = {
  Hostname: 'string',
  Domainname: 'string',
  User: 'string',
  AttachStdin: 'bool',
  AttachStdout: 'bool',
  AttachStderr: 'bool',
  ExposedPorts: 'object',
  Tty: 'bool',
  OpenStdin: 'bool',
  StdinOnce: 'bool',
  Env: '[]string',
  Cmd: '[]string',
  Healthcheck: 'object',
  Image: 'string',
  Volumes: 'object',
  WorkingDir: 'string',
  Entrypoint: '[]string',
  Labels: 'map[string]string',
  StopSignal: 'string',
  StopTimeout: 'int',
  Shell: '[]string',
  HostConfig: 'object',
  NetworkingConfig: 'object',
}

/**
 * The body of `containers/create`, its types checked as Go does. A command may be a mere string, as in Docker.
 * @throws EngineError `invalid-parameter`
 */
export function parseCreateBody(value: unknown): CreateBody {
  const empty = new EngineError(
    'invalid-parameter',
    'config cannot be empty in order to create a container',
  )
  if (value === undefined || value === null) throw empty
  if (typeof value !== 'object' || Array.isArray(value)) {
    throw new EngineError(
      'invalid-parameter',
      `invalid JSON: json: cannot unmarshal ${goType(value)} into Go value of type container.CreateRequest`,
    )
  }
  const body: Record<string, unknown> = { ...value }
  if (Object.keys(body).every((key) => key === 'HostConfig' || key === 'NetworkingConfig')) {
    throw empty
  }
  for (const name of ['Cmd', 'Entrypoint']) {
    if (typeof body[name] === 'string') body[name] = [body[name]]
  }
  for (const [name, kind] of Object.entries(members)) {
    const member = body[name]
    if (member === undefined || member === null || matches(kind, member)) continue
    throw new EngineError(
      'invalid-parameter',
      `invalid JSON: json: cannot unmarshal ${goType(member)} into Go struct field .${name} of type ${kind}`,
    )
  }
  return body
}

const isText = (value: unknown): boolean => typeof value === 'string'

function matches(kind: Kind, value: unknown): boolean {
  switch (kind) {
    case 'string':
      return isText(value)
    case 'bool':
      return typeof value === 'boolean'
    case 'int':
      return Number.isInteger(value)
    case '[]string':
      return Array.isArray(value) && value.every(isText)
    case 'map[string]string':
      return isObject(value) && Object.values(value).every(isText)
    case 'object':
      return isObject(value)
  }
}

const isObject = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function goType(value: unknown): string {
  if (Array.isArray(value)) return 'array'
  return typeof value === 'boolean' ? 'bool' : typeof value
}
