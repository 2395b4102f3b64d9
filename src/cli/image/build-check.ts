import { checkDirective, lint, type Finding } from '../../codec/dockerfile/lint.ts'
import { parseDockerfile } from '../../codec/dockerfile/parser.ts'
import { problemOf, type Problem } from '../../codec/dockerfile/problem.ts'
import { stagesOf } from '../../codec/dockerfile/stages.ts'
import { SyntaxError } from '../../codec/dockerfile/syntax-error.ts'
import { ExitError, type Invocation } from '../../kit/command.ts'
import type { BuildInputs } from '../../kit/build/inputs.ts'
import { excerpt } from '../../kit/build/excerpt.ts'

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

/** What `# check=error=true` makes of findings; '' where they are no error. */
export function violation(dockerfile: string, findings: readonly Finding[]): string {
  if (findings.length === 0 || !checkDirective(parseDockerfile(dockerfile)).isError) return ''
  const rules = [...new Set(findings.map(({ rule }) => rule))]
  return `lint violation found for rules: ${rules.join(', ')}`
}

/** `--check`: nothing is built. @returns 1 when there is something to tell */
export async function check(
  invocation: Invocation,
  inputs: BuildInputs,
  buildArgs: Readonly<Record<string, string>>,
): Promise<number> {
  const { dockerfile = '', dockerfileName: name, ignore } = inputs
  const { out } = invocation
  const fail = (error: Problem): ExitError => {
    const place = excerpt(name, dockerfile, error.startLine, error.endLine, error.marked)
    return new ExitError(1, `ERROR: ${error.message}\n${place}`.trimEnd(), { cause: error })
  }
  let findings: readonly Finding[]
  let problem: Problem | undefined
  try {
    problem = problemOf(dockerfile, buildArgs)
    if (problem?.marked) throw fail(problem)
    const environments = await environmentsOf(invocation, dockerfile)
    const all = lint(dockerfile, { buildArgs, ignore, environments })
    // What comes after it was not looked at.
    findings = all.filter(({ startLine }) => !problem || startLine <= problem.startLine)
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    throw fail(error)
  }
  if (findings.length === 0) await out.line('Check complete, no warnings found.')
  else {
    const verb = findings.length === 1 ? 'has' : 'have'
    await out.line(`Check complete, ${count(findings)} ${verb} been found!`)
  }
  for (const { rule, url, description, message, startLine, endLine } of findings) {
    const text = message === '' ? description : message
    await out.write(`\nWARNING: ${rule} - ${url}\n${text}\n`)
    await out.write(excerpt(name, dockerfile, startLine, endLine))
  }
  if (problem) throw fail(problem)
  const error = violation(dockerfile, findings)
  if (error !== '') throw new ExitError(1, `ERROR: ${error}`)
  return findings.length === 0 ? 0 : 1
}

/** What the images that stages are built on set, of those that the engine has. */
async function environmentsOf(
  { client, signal }: Invocation,
  dockerfile: string,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const environments = new Map<string, readonly string[]>()
  for (const { from } of stagesOf(parseDockerfile(dockerfile)).stages) {
    if (from.base.includes('$') || environments.has(from.base)) continue
    const image = await client.images.inspectRaw(from.base, signal).catch(() => undefined)
    if (image === undefined) continue
    const { Config } = image as { readonly Config?: { readonly Env?: readonly string[] | null } }
    const names = (Config?.Env ?? []).map((line) => line.split('=', 1)[0] ?? '')
    environments.set(from.base, names)
  }
  return environments
}

/** What a build says of them at its end. */
export function summaryOf(findings: readonly Finding[]): string {
  if (findings.length === 0) return ''
  const lines = findings.map(
    ({ rule, message, startLine }) => ` - ${rule}: ${message} (line ${startLine})\n`,
  )
  return `\n ${count(findings)} found (use docker --debug to expand):\n${lines.join('')}`
}
