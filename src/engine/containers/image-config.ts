import type { BuildInstruction } from '../../codec/dockerfile/instructions.ts'
import { parseInstruction } from '../../codec/dockerfile/parse-instruction.ts'
import { parseDockerfile } from '../../codec/dockerfile/parser.ts'
import { EngineError } from '../../core/error.ts'
import type { OciContainerDefaults } from '../../core/oci.ts'
import { change } from '../build/metadata.ts'
import { GlobalScope, StageScope } from '../build/variables.ts'
import type { ContainerConfig } from './config.ts'

/** Instructions that `commit` and `import` take as changes (moby builder/dockerfile/builder.go). */
const allowed: readonly string[] = [
  'CMD',
  'ENTRYPOINT',
  'ENV',
  'EXPOSE',
  'HEALTHCHECK',
  'LABEL',
  'ONBUILD',
  'STOPSIGNAL',
  'USER',
  'VOLUME',
  'WORKDIR',
]

/** What of a container's config its image has. */
export function defaultsOf(config: Partial<ContainerConfig>): OciContainerDefaults {
  const { User, ExposedPorts, Env, Entrypoint, Cmd, Volumes, WorkingDir, Labels } = config
  const { StopSignal, StopTimeout, Healthcheck, OnBuild, Shell } = config
  return filled({
    User,
    ExposedPorts,
    Env,
    Entrypoint,
    Cmd,
    Volumes,
    WorkingDir,
    Labels,
    StopSignal,
    StopTimeout,
    Healthcheck,
    OnBuild,
    Shell,
  })
}

/** Without what is empty. */
const filled = (config: object): OciContainerDefaults =>
  Object.fromEntries(
    Object.entries(config).filter(
      ([, value]: [string, unknown]) =>
        value !== undefined &&
        value !== null &&
        value !== '' &&
        (typeof value !== 'object' || Object.keys(value).length > 0),
    ),
  )

/** A config that a client gave, completed by the container's (moby daemon/commit.go, merge). */
export function completed(
  given: OciContainerDefaults,
  base: OciContainerDefaults,
): OciContainerDefaults {
  const nameOf = (line: string): string => line.split('=', 1)[0] ?? ''
  const set = new Set(given.Env?.map(nameOf))
  const { Cmd, ...rest } = base
  return filled({
    ...(given.Entrypoint?.length ? rest : { ...rest, Cmd }),
    ...given,
    Env: [...(given.Env ?? []), ...(base.Env ?? []).filter((line) => !set.has(nameOf(line)))],
    ExposedPorts: { ...base.ExposedPorts, ...given.ExposedPorts },
    Labels: { ...base.Labels, ...given.Labels },
    Volumes: { ...base.Volumes, ...given.Volumes },
  })
}

/**
 * A config after Dockerfile instructions, as `commit --change` takes them.
 * @throws EngineError `invalid-parameter` in Docker's words
 */
export function changed(
  config: OciContainerDefaults,
  changes: readonly string[],
): OciContainerDefaults {
  if (changes.length === 0) return config
  let result = config
  const variables = { escape: '\\', buildArgs: {} } as const
  const scope = new StageScope(
    new GlobalScope([], variables, ''),
    variables,
    () => result.Env ?? [],
  )
  try {
    const { instructions } = parseDockerfile(changes.join('\n'))
    for (const { name } of instructions) {
      if (!allowed.includes(name.toUpperCase())) {
        throw new Error(`${name} is not a valid change command`)
      }
    }
    let hasCommand = false
    for (const node of instructions) {
      const instruction = parseInstruction(node)
      result = apply(result, instruction, scope, hasCommand)
      hasCommand ||= instruction.kind === 'CMD'
    }
  } catch (error) {
    throw new EngineError('invalid-parameter', error instanceof Error ? error.message : '', {
      cause: error,
    })
  }
  return result
}

function apply(
  config: OciContainerDefaults,
  instruction: BuildInstruction,
  scope: StageScope,
  hasCommand: boolean,
): OciContainerDefaults {
  switch (instruction.kind) {
    case 'FROM':
    case 'ARG':
    case 'COPY':
    case 'ADD':
    case 'RUN':
      return config
    case 'WORKDIR':
      return { ...config, WorkingDir: below(config.WorkingDir, scope.expand(instruction.value)) }
    default: {
      // Windows alone knows escaped arguments.
      const { ArgsEscaped: _, ...rest } = change(instruction, config, scope, hasCommand).config
      return rest
    }
  }
}

function below(directory = '/', path: string): string {
  const parts: string[] = []
  for (const part of (path.startsWith('/') ? path : `${directory}/${path}`).split('/')) {
    if (part === '..') parts.pop()
    else if (part !== '' && part !== '.') parts.push(part)
  }
  return `/${parts.join('/')}`
}
