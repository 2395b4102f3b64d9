import { isDigest } from '../../core/digest.ts'
import { EngineError } from '../../core/error.ts'
import type { OciImageConfig } from '../../core/oci.ts'

export const malformed = (what: string): EngineError =>
  new EngineError('internal', `the image's ${what} is malformed`)

type Check = (value: unknown) => boolean

const isText: Check = (value) => typeof value === 'string'
const isNumber: Check = (value) => typeof value === 'number'
const isObject: Check = (value) =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const isList =
  (each: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every(each)
const isMap =
  (each: Check): Check =>
  (value) =>
    isObject(value) && Object.values(value as object).every(each)

/** Go decodes null into anything. */
const fields = (checks: Readonly<Record<string, Check>>): Check => {
  const entries = Object.entries(checks)
  return (value) =>
    isObject(value) &&
    entries.every(([name, check]) => {
      const field = (value as Record<string, unknown>)[name] ?? undefined
      return field === undefined || check(field)
    })
}

const isDefaults = fields({
  User: isText,
  ExposedPorts: isObject,
  Env: isList(isText),
  Entrypoint: isList(isText),
  Cmd: isList(isText),
  Volumes: isObject,
  WorkingDir: isText,
  Labels: isMap(isText),
  StopSignal: isText,
  StopTimeout: isNumber,
  OnBuild: isList(isText),
  Shell: isList(isText),
  Healthcheck: fields({
    Test: isList(isText),
    Interval: isNumber,
    Timeout: isNumber,
    StartPeriod: isNumber,
    StartInterval: isNumber,
    Retries: isNumber,
  }),
})

const isConfig = fields({
  created: isText,
  author: isText,
  architecture: isText,
  os: isText,
  variant: isText,
  comment: isText,
  docker_version: isText,
  config: isDefaults,
  history: isList(fields({ created: isText, created_by: isText, author: isText, comment: isText })),
  rootfs: fields({ diff_ids: isList((value) => typeof value === 'string' && isDigest(value)) }),
})

/**
 * An image's config, whoever wrote it.
 * @throws EngineError `internal` when a field isn't what the specification says
 */
export function parseConfig(bytes: Uint8Array): OciImageConfig {
  let value: Partial<OciImageConfig>
  try {
    value = JSON.parse(new TextDecoder().decode(bytes)) as Partial<OciImageConfig>
  } catch {
    throw malformed('config')
  }
  if (!isConfig(value) || !value.os || !value.architecture || !value.rootfs?.diff_ids) {
    throw malformed('config')
  }
  return dropNulls({
    ...value,
    ...(value.config ? { config: dropNulls(value.config) } : {}),
  }) as OciImageConfig
}

/** Go reads null as nothing. */
const dropNulls = (value: object): object =>
  Object.fromEntries(Object.entries(value).filter(([, field]) => field !== null))
