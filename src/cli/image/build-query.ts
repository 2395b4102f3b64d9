import type { Query } from '../../client/api-client.ts'
import { joinBytes } from '../../codec/join-bytes.ts'
import { parseUlimit } from '../../kit/create-values.ts'
import { ExitError, messageOf, type Invocation } from '../../kit/command.ts'
import { pathFrom } from '../../kit/paths.ts'
import { cacheImage } from '../../kit/build/cache-image.ts'
import type { BuildContext } from '../../kit/build/context.ts'

/** `name=value`; a name alone takes the environment's value, or goes. */
export function environmentPairs(
  { flags, host }: Invocation,
  name: string,
): Record<string, string> {
  const pairs: Record<string, string> = {}
  for (const text of flags.list(name)) {
    const at = text.indexOf('=')
    const key = at < 0 ? text : text.slice(0, at)
    const value = at < 0 ? host.env[key] : text.slice(at + 1)
    if (value !== undefined) pairs[key] = value
  }
  return pairs
}

/** `name=value` always; a name alone has the empty value. */
function labelsOf({ flags }: Invocation): Record<string, string> {
  return Object.fromEntries(
    flags.list('label').map((text) => {
      const at = text.indexOf('=')
      return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)]
    }),
  )
}

/** Named contexts: directories and archives here, images there. */
export function contextsOf({ flags, host }: Invocation): {
  readonly local: ReadonlyMap<string, string>
  readonly remote: Readonly<Record<string, string>>
} {
  const local = new Map<string, string>()
  const remote: Record<string, string> = {}
  for (const text of flags.list('build-context')) {
    const at = text.indexOf('=')
    if (at <= 0) throw new ExitError(1, `ERROR: invalid context value: ${text}, expected key=value`)
    const [name, value] = [text.slice(0, at).toLowerCase(), text.slice(at + 1)]
    if (value.startsWith('docker-image://')) remote[name] = value
    else if (/^[a-z-]+:\/\//.test(value)) {
      throw new ExitError(1, `ERROR: Drydock can not fetch the context ${value}`)
    } else local.set(name, pathFrom(host, value))
  }
  return { local, remote }
}

/** `id=x,src=file`, `id=x,env=NAME`. @throws ExitError */
export async function secretsOf({
  flags,
  host,
}: Invocation): Promise<ReadonlyMap<string, Uint8Array>> {
  const secrets = new Map<string, Uint8Array>()
  for (const text of flags.list('secret')) {
    const fields = new Map(
      text.split(',').map((field) => {
        const at = field.indexOf('=')
        if (at < 0)
          throw new ExitError(1, `ERROR: invalid field '${field}' must be a key=value pair`)
        return [field.slice(0, at).toLowerCase(), field.slice(at + 1)] as const
      }),
    )
    const id = fields.get('id')
    if (id === undefined || id === '' || id.includes('/'))
      throw new ExitError(1, `ERROR: invalid secret ${text}: it needs an id`)
    const source = fields.get('src') ?? fields.get('source')
    const variable =
      fields.get('env') ?? (fields.get('type') === 'env' ? (source ?? id) : undefined)
    const value = variable === undefined ? undefined : host.env[variable]
    if (value !== undefined) secrets.set(id, new TextEncoder().encode(value))
    else if (variable === undefined) {
      const path = pathFrom(host, source ?? id)
      try {
        const parts: Uint8Array[] = []
        for await (const part of host.files.read(path)) parts.push(part)
        secrets.set(id, joinBytes(parts))
      } catch (error) {
        throw new ExitError(1, `ERROR: failed to stat ${path}: ${messageOf(error)}`, {
          cause: error,
        })
      }
    }
  }
  return secrets
}

/** The parameters of POST /build. */
export function buildQuery(
  invocation: Invocation,
  context: BuildContext,
  buildArgs: Readonly<Record<string, string>>,
): Query {
  const { flags } = invocation
  const { remote } = contextsOf(invocation)
  const text = (name: string): string | undefined => flags.given(name)
  const number = (name: string): number | undefined =>
    flags.has(name) ? flags.number(name) : undefined
  const json = (value: object): string | undefined =>
    Object.keys(value).length === 0 ? undefined : JSON.stringify(value)
  const platforms = flags.list('platform')
  if (platforms.length > 1) {
    throw new ExitError(1, 'ERROR: Multi-platform build is not supported for the docker driver.')
  }
  return {
    t: flags.list('tag'),
    dockerfile: context.dockerfile,
    bundle: context.bundle,
    listing: context.listing,
    buildargs: json(buildArgs),
    labels: json(labelsOf(invocation)),
    contexts: json(remote),
    cachefrom: json(flags.list('cache-from').map(cacheImage)),
    extrahosts: flags.list('add-host'),
    nocache: flags.bool('no-cache'),
    nocachefilter: flags.list('no-cache-filter'),
    pull: flags.bool('pull'),
    target: text('target'),
    platform: platforms[0],
    networkmode: text('network'),
    memory: number('memory'),
    memswap: number('memory-swap'),
    cpushares: number('cpu-shares'),
    cpuperiod: number('cpu-period'),
    cpuquota: number('cpu-quota'),
    shmsize: number('shm-size'),
    ulimits: json(flags.list('ulimit').map(parseUlimit)),
    rm: flags.bool('rm'),
    forcerm: flags.bool('force-rm'),
    version: '1',
  }
}
