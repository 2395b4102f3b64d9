import { lint, type Finding } from '../../codec/dockerfile/lint.ts'
import { SyntaxError } from '../../codec/dockerfile/syntax-error.ts'
import { ExitError, type Invocation } from '../command.ts'
import type { BuildInputs } from './build-inputs.ts'
import { excerpt } from './build-excerpt.ts'

const count = (findings: readonly Finding[]): string =>
  findings.length === 1 ? '1 warning' : `${findings.length} warnings`

/** Findings of a Dockerfile; none for one that the engine has to refuse. */
export function findingsOf(
  { dockerfile, ignore }: BuildInputs,
  buildArgs: Readonly<Record<string, string>>,
): readonly Finding[] {
  try {
    return dockerfile === undefined ? [] : lint(dockerfile, { buildArgs, ignore })
  } catch (error) {
    if (error instanceof SyntaxError) return []
    throw error
  }
}

/** `--check`: nothing is built. @returns 1 when there is something to tell */
export async function check(
  { out }: Invocation,
  inputs: BuildInputs,
  buildArgs: Readonly<Record<string, string>>,
): Promise<number> {
  const { dockerfile = '', dockerfileName: name, ignore } = inputs
  let findings: readonly Finding[]
  try {
    findings = lint(dockerfile, { buildArgs, ignore })
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    const place = excerpt(name, dockerfile, error.startLine, error.endLine)
    throw new ExitError(1, `ERROR: ${error.message}\n${place}`.trimEnd(), { cause: error })
  }
  if (findings.length === 0) {
    await out.line('Check complete, no warnings found.')
    return 0
  }
  const verb = findings.length === 1 ? 'has' : 'have'
  await out.line(`Check complete, ${count(findings)} ${verb} been found!`)
  for (const { rule, url, description, message, startLine, endLine } of findings) {
    const text = message === '' ? description : message
    await out.write(`\nWARNING: ${rule} - ${url}\n${text}\n`)
    await out.write(excerpt(name, dockerfile, startLine, endLine))
  }
  return 1
}

/** What a build says of them at its end. */
export function summaryOf(findings: readonly Finding[]): string {
  if (findings.length === 0) return ''
  const lines = findings.map(
    ({ rule, message, startLine }) => ` - ${rule}: ${message} (line ${startLine})\n`,
  )
  return `\n ${count(findings)} found (use docker --debug to expand):\n${lines.join('')}`
}
