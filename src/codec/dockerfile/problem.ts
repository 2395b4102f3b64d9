import { parseReference } from '../../core/reference.ts'
import type { BuildInstruction, Stage } from './instructions.ts'
import { parseDockerfile } from './parser.ts'
import { PLATFORM_ARGS } from './predefined-args.ts'
import { expand } from './shell-words.ts'
import { stagesOf, type Stages } from './stages.ts'
import { suggestion } from './suggest.ts'

/** Why no build of a Dockerfile can succeed, where that shows without one. */
export interface Problem {
  readonly message: string
  readonly startLine: number
  readonly endLine: number
  /** Lines that are meant, of those; absent: all. */
  readonly marked?: readonly number[]
}

/**
 * The first problem that `--check` ends with (BuildKit dockerfile2llb/convert.go).
 * @throws SyntaxError when the text is no Dockerfile
 */
export function problemOf(
  source: string,
  buildArgs: Readonly<Record<string, string>> = {},
): Problem | undefined {
  const dockerfile = parseDockerfile(source)
  const parsed = stagesOf(dockerfile)
  return (
    ofOrder(parsed) ??
    ofBases(parsed, buildArgs, dockerfile.escape) ??
    ofVolumes(parsed, dockerfile.escape)
  )
}

/** Stages that need each other, which no build gets round. @throws SyntaxError */
export const cycleOf = (source: string): Problem | undefined =>
  ofOrder(stagesOf(parseDockerfile(source)))

const at = (place: BuildInstruction, message: string): Problem => ({
  message,
  startLine: place.startLine,
  endLine: place.endLine,
})

function ofBases(
  { args, stages }: Stages,
  buildArgs: Readonly<Record<string, string>>,
  escape: '\\' | '`',
): Problem | undefined {
  const values = new Map<string, string>()
  for (const { args: pairs } of args) {
    for (const { key, value } of pairs) {
      const given = buildArgs[key] ?? value
      if (given !== undefined) values.set(key, given)
    }
  }
  const get = (name: string): string | undefined =>
    values.get(name) ?? (PLATFORM_ARGS.has(name) ? 'linux/386' : undefined)
  for (const { from } of stages) {
    const problem = ofBase(from, get, escape, [...values.keys(), ...PLATFORM_ARGS])
    if (problem) return problem
  }
  return undefined
}

function ofBase(
  from: Stage['from'],
  get: (name: string) => string | undefined,
  escape: '\\' | '`',
  known: readonly string[],
): Problem | undefined {
  const { platform } = from
  let base: string
  try {
    if (platform !== undefined) {
      const { text, unset } = expand(platform, get, { escape })
      const near = suggestion([...unset][0] ?? '', known)
      if (text === '') return at(from, `empty platform value from expression ${platform}${near}`)
    }
    base = expand(from.base, get, { escape }).text
  } catch (error) {
    return at(from, error instanceof Error ? error.message : String(error))
  }
  if (base === '') return at(from, `base name (${from.base}) should not be blank`)
  try {
    parseReference(base)
    return undefined
  } catch {
    const shown = JSON.stringify(base)
    return at(from, `failed to parse stage name ${shown}: invalid reference format`)
  }
}

/** Stages that need each other: the instructions on the way round are meant. */
function ofOrder({ stages }: Stages): Problem | undefined {
  const wayTo = (
    from: Stage,
    wanted: Stage,
    seen: Set<Stage>,
  ): readonly BuildInstruction[] | undefined => {
    for (const instruction of from.instructions) {
      const name =
        instruction.kind === 'COPY' || instruction.kind === 'ADD' ? instruction.from : undefined
      const next = stages.findLast(
        (stage) => stage.from.name !== undefined && stage.from.name === name,
      )
      if (!next || seen.has(next)) continue
      if (next === wanted) return [instruction]
      seen.add(next)
      const rest = wayTo(next, wanted, seen)
      if (rest) return [instruction, ...rest]
    }
    return undefined
  }
  for (const stage of stages) {
    const way = wayTo(stage, stage, new Set())
    if (!way) continue
    const marked = way.flatMap(({ startLine, endLine }) =>
      Array.from({ length: endLine - startLine + 1 }, (_, at) => startLine + at),
    )
    return {
      message: `circular dependency detected on stage: ${stage.from.name ?? ''}`,
      startLine: Math.min(...marked),
      endLine: Math.max(...marked),
      marked,
    }
  }
  return undefined
}

function ofVolumes({ stages }: Stages, escape: '\\' | '`'): Problem | undefined {
  for (const { instructions } of stages) {
    const known = new Map<string, string>()
    for (const instruction of instructions) {
      if (instruction.kind === 'ENV') {
        for (const { key, value } of instruction.pairs) known.set(key, value)
      }
      if (instruction.kind === 'ARG') {
        for (const { key, value = 'given' } of instruction.args) known.set(key, value)
      }
      if (instruction.kind !== 'VOLUME') continue
      const isEmpty = (path: string): boolean => {
        try {
          return expand(path, (name) => known.get(name), { escape }).text === ''
        } catch {
          return false
        }
      }
      if (instruction.paths.some(isEmpty)) {
        return at(instruction, 'VOLUME specified can not be an empty string')
      }
    }
  }
  return undefined
}
