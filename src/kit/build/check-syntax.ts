import { cycleOf, type Problem } from '../../codec/dockerfile/problem.ts'
import { SyntaxError } from '../../codec/dockerfile/syntax-error.ts'
import { ExitError } from '../command.ts'
import { excerpt } from './excerpt.ts'
import type { BuildInputs } from './inputs.ts'

/** What can't be understood is told before anything is sent. @throws ExitError with the place */
export function checkSyntax({ dockerfile, dockerfileName: name }: BuildInputs): void {
  if (dockerfile === undefined) return
  const fail = (problem: Problem): ExitError => {
    const place = excerpt(name, dockerfile, problem.startLine, problem.endLine, problem.marked)
    const message = `${place}ERROR: failed to build: failed to solve: ${problem.message}`
    return new ExitError(1, message, { cause: problem })
  }
  try {
    const problem = cycleOf(dockerfile)
    if (problem) throw fail(problem)
  } catch (error) {
    throw error instanceof SyntaxError ? fail(error) : error
  }
}
