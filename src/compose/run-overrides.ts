import { textOf } from '../client/api-client.ts'
import type { Invocation } from '../kit/command.ts'
import type { Flags } from '../kit/flags.ts'
import { pathFrom } from '../kit/paths.ts'
import { parseEnv } from './parse-env.ts'
import { parsePort } from './parse-port.ts'
import { parseVolume } from './parse-volume.ts'
import type { Project } from './project.ts'
import type { ServiceConfig, ServicePort, ServiceVolume } from './service.ts'
import { shellWords } from './shell-words.ts'

type Texts = Readonly<Record<string, string>>

/** `-e`, which takes a value that is missing from the environment, then `--env-from-file`. */
export async function variablesOf(
  { err, flags, host }: Invocation,
  { environment }: Project,
): Promise<Texts> {
  const variables: Record<string, string> = {}
  for (const pair of flags.list('env')) {
    const at = pair.indexOf('=')
    const value = at < 0 ? environment[pair] : pair.slice(at + 1)
    if (value !== undefined) variables[at < 0 ? pair : pair.slice(0, at)] = value
  }
  const warnings: string[] = []
  for (const path of flags.list('env-from-file')) {
    const text = await textOf(host.files.read(pathFrom(host, path)))
    const found = new Map<string, string>()
    parseEnv(
      text,
      found,
      (name) => variables[name],
      (message) => void warnings.push(message),
    )
    for (const [name, value] of found) variables[name] ??= value
  }
  for (const message of warnings) await err.line(message)
  return variables
}

export interface Overrides {
  /** Of `run`. */
  readonly flags: Flags
  /** Where relative paths of `--volume` begin. */
  readonly cwd: string
  readonly variables: Texts
}

/** A service as one `run` wants it (cmd/compose/run.go, apply; pkg/compose/run.go, applyRunOptions). */
export function overridden(
  { flags, cwd, variables }: Overrides,
  service: ServiceConfig,
  process: {
    readonly command: readonly string[]
    readonly tty: boolean
    readonly interactive: boolean
  },
): ServiceConfig {
  const { command } = process
  const entrypoint = flags.given('entrypoint')
  const added = flags.list('cap-add')
  const dropped = flags.list('cap-drop')
  const without = (list: readonly string[] = [], gone: readonly string[]): readonly string[] =>
    list.filter((name) => !gone.includes(name))
  const user = flags.text('user')
  const workdir = flags.text('workdir')
  return {
    ...service,
    tty: process.tty,
    stdin_open: process.interactive,
    ...(!flags.bool('service-ports') && { ports: flags.list('publish').flatMap(portsOf) }),
    ...(flags.has('volume') && {
      volumes: [
        ...(service.volumes ?? []),
        ...flags.list('volume').map((text) => volumeOf(text, cwd)),
      ],
    }),
    ...(entrypoint !== undefined && { entrypoint: shellWords(entrypoint), command: [] }),
    ...(command.length > 0 && { command }),
    ...(user !== '' && { user }),
    ...(workdir !== '' && { working_dir: workdir }),
    ...((added.length > 0 || dropped.length > 0) && {
      cap_add: [...without(service.cap_add, dropped), ...without(added, dropped)],
      cap_drop: [...without(service.cap_drop, added), ...dropped],
    }),
    environment: { ...service.environment, ...variables },
    labels: { ...service.labels, ...labelsOf(flags.list('label')) },
  }
}

const portsOf = (text: string): readonly ServicePort[] =>
  parsePort(text) as unknown as readonly ServicePort[]

function volumeOf(text: string, cwd: string): ServiceVolume {
  const volume = parseVolume(text) as unknown as ServiceVolume
  const { type, source } = volume
  return type === 'bind' && source !== undefined
    ? { ...volume, source: pathFrom({ cwd }, source) }
    : volume
}

function labelsOf(pairs: readonly string[]): Texts {
  return Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.indexOf('=')
      if (at < 0) throw new Error('label must be set as KEY=VALUE')
      return [pair.slice(0, at), pair.slice(at + 1)]
    }),
  )
}
