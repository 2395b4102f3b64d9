import type { BuildInstruction, Stage } from './instructions.ts'
import { parseInstruction } from './parse-instruction.ts'
import type { Dockerfile } from './parser.ts'
import { SyntaxError } from './syntax-error.ts'

type ArgInstruction = Extract<BuildInstruction, { kind: 'ARG' }>

/** A Dockerfile as stages; `args` are the ARGs before the first FROM. */
export interface Stages {
  readonly args: readonly ArgInstruction[]
  readonly stages: readonly Stage[]
}

/** @throws SyntaxError with the line, in BuildKit's words */
export function stagesOf({ instructions }: Dockerfile): Stages {
  const args: ArgInstruction[] = []
  const stages: { from: Stage['from']; instructions: BuildInstruction[] }[] = []
  for (const source of instructions) {
    const { startLine, endLine } = source
    const fail = (message: string): never => {
      throw new SyntaxError(
        `dockerfile parse error on line ${startLine}: ${message}`,
        startLine,
        endLine,
      )
    }
    let instruction: BuildInstruction
    try {
      instruction = parseInstruction(source)
    } catch (error) {
      return fail(error instanceof Error ? error.message : String(error))
    }
    if (instruction.kind === 'FROM') stages.push({ from: instruction, instructions: [] })
    else if (stages.length > 0) stages.at(-1)?.instructions.push(instruction)
    else if (instruction.kind === 'ARG') args.push(instruction)
    else fail('no build stage in current context')
  }
  if (stages.length === 0) throw new SyntaxError('dockerfile contains no stages to build', 1)
  return { args, stages }
}
