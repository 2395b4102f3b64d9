/** Instructions that change an image's config alone (BuildKit frontend/dockerfile/dockerfile2llb/convert.go). */
import type {
  BuildInstruction,
  Command,
  HealthcheckInstruction,
} from '../../codec/dockerfile/instructions.ts'
import { formatDuration, parseDuration } from '../../codec/go-duration.ts'
import type { OciContainerDefaults, OciHealthcheck } from '../../core/oci.ts'
import { parseSignal } from '../containers/signals.ts'
import { quotedList } from './go-format.ts'
import { parsePorts } from './ports.ts'
import type { StageScope } from './variables.ts'

type Of<Kind extends BuildInstruction['kind']> = Extract<BuildInstruction, { kind: Kind }>

/** Those that the stage does itself are among them only for their type. */
export type MetadataInstruction = Exclude<
  BuildInstruction,
  { kind: 'FROM' | 'ARG' | 'COPY' | 'ADD' | 'RUN' }
>

export interface Change {
  readonly config: OciContainerDefaults
  /** Of history; undefined where BuildKit writes none. */
  readonly created?: string
}

/** A command as a process has it. */
const argumentsOf = (command: Command, config: OciContainerDefaults): readonly string[] =>
  command.form === 'exec' ? command.args : [...shellOf(config), command.text]

export const shellOf = (config: OciContainerDefaults): readonly string[] =>
  config.Shell ?? ['/bin/sh', '-c']

/**
 * @param hasCommand whether this stage has a CMD already
 * @throws Error in BuildKit's words
 */
export function change(
  instruction: MetadataInstruction,
  config: OciContainerDefaults,
  scope: StageScope,
  hasCommand: boolean,
): Change {
  switch (instruction.kind) {
    case 'ENV': {
      const pairs = expandPairs(instruction, scope)
      scope.overridden(pairs.map(([name]) => name))
      return {
        config: { ...config, Env: setAll(config.Env ?? [], pairs) },
        created: `ENV ${pairs.map(([name, value]) => `${name}=${value}`).join(' ')}`,
      }
    }
    case 'LABEL': {
      const pairs = expandPairs(instruction, scope)
      return {
        config: { ...config, Labels: { ...config.Labels, ...Object.fromEntries(pairs) } },
        created: `LABEL ${pairs.map(([name, value]) => `${name}=${value}`).join(' ')}`,
      }
    }
    case 'CMD': {
      const args = argumentsOf(instruction.command, config)
      return {
        config: { ...config, Cmd: args, ArgsEscaped: true },
        created: `CMD ${quotedList(args)}`,
      }
    }
    case 'ENTRYPOINT': {
      const args = argumentsOf(instruction.command, config)
      const { Cmd: command, ...rest } = config
      return {
        config: {
          ...(hasCommand ? { ...rest, ...(command ? { Cmd: command } : {}) } : rest),
          Entrypoint: args,
        },
        created: `ENTRYPOINT ${quotedList(args)}`,
      }
    }
    case 'EXPOSE': {
      const ports = parsePorts(instruction.ports.flatMap((port) => scope.words(port)))
      const added = Object.fromEntries(ports.map((port) => [port, {}]))
      return {
        config: { ...config, ExposedPorts: { ...config.ExposedPorts, ...added } },
        created: `EXPOSE [${ports.join(' ')}]`,
      }
    }
    case 'VOLUME': {
      const paths = instruction.paths.map((path) => scope.expand(path))
      if (paths.includes('')) throw new Error('VOLUME specified can not be an empty string')
      const added = Object.fromEntries(paths.map((path) => [path, {}]))
      return {
        config: { ...config, Volumes: { ...config.Volumes, ...added } },
        created: `VOLUME [${paths.join(' ')}]`,
      }
    }
    case 'USER': {
      const user = scope.expand(instruction.value)
      return { config: { ...config, User: user }, created: `USER ${user}` }
    }
    case 'STOPSIGNAL': {
      const signal = scope.expand(instruction.value)
      parseSignal(signal)
      return { config: { ...config, StopSignal: signal }, created: `STOPSIGNAL ${signal}` }
    }
    case 'WORKDIR':
    case 'MAINTAINER':
      return { config }
    case 'SHELL':
      return {
        config: { ...config, Shell: instruction.shell },
        created: `SHELL [${instruction.shell.join(' ')}]`,
      }
    case 'ONBUILD':
      return { config: { ...config, OnBuild: [...(config.OnBuild ?? []), instruction.text] } }
    case 'HEALTHCHECK': {
      const check = healthcheckOf(instruction, scope)
      return {
        config: { ...config, Healthcheck: check },
        created: `HEALTHCHECK ${quotedCheck(check)}`,
      }
    }
  }
}

const expandPairs = (
  { pairs }: Of<'ENV' | 'LABEL'>,
  scope: StageScope,
): (readonly [string, string])[] =>
  pairs.map(({ key, value }) => [scope.expand(key), scope.expand(value)] as const)

/** `name=value` lines with some set anew, each in its old place. */
function setAll(
  lines: readonly string[],
  pairs: readonly (readonly [string, string])[],
): readonly string[] {
  const result = [...lines]
  for (const [name, value] of pairs) {
    const at = result.findIndex((line) => line.split('=', 1)[0] === name)
    if (at < 0) result.push(`${name}=${value}`)
    else result[at] = `${name}=${value}`
  }
  return result
}

function healthcheckOf(instruction: HealthcheckInstruction, scope: StageScope): OciHealthcheck {
  const { command, interval, timeout, startPeriod, startInterval, retries } = instruction
  if (!command) return { Test: ['NONE'] }
  const test = command.form === 'exec' ? ['CMD', ...command.args] : ['CMD-SHELL', command.text]
  const duration = (name: string, given: string | undefined): number => {
    if (given === undefined) return 0
    const value = parseDuration(scope.expand(given))
    if (value !== 0 && value < 1e6)
      throw new Error(`Interval ${JSON.stringify(name)} cannot be less than 1ms`)
    return value
  }
  const tries = Number(scope.expand(retries ?? '0'))
  if (!Number.isInteger(tries)) {
    throw new Error(`strconv.ParseInt: parsing ${JSON.stringify(retries)}: invalid syntax`)
  }
  if (tries < 0) throw new Error('--retries cannot be negative')
  const values = {
    Interval: duration('interval', interval),
    Timeout: duration('timeout', timeout),
    StartPeriod: duration('start-period', startPeriod),
    StartInterval: duration('start-interval', startInterval),
    Retries: tries,
  }
  return {
    Test: test,
    ...Object.fromEntries(Object.entries(values).filter(([, value]) => value > 0)),
  }
}

/** Go's `%q` of a HealthcheckConfig; the retries become a character. */
function quotedCheck(check: OciHealthcheck): string {
  const {
    Test = [],
    Interval = 0,
    Timeout = 0,
    StartPeriod = 0,
    StartInterval = 0,
    Retries = 0,
  } = check
  const durations = [Interval, Timeout, StartPeriod, StartInterval]
    .map((value) => JSON.stringify(formatDuration(value)))
    .join(' ')
  const code = Retries.toString(16).padStart(2, '0')
  const rune = Retries >= 0x20 && Retries < 0x7f ? String.fromCharCode(Retries) : `\\x${code}`
  return `&{${quotedList(Test)} ${durations} '${rune}'}`
}
