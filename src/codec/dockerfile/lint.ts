/**
 * `docker build --check`: BuildKit's rules (frontend/dockerfile/linter/ruleset.go), as a pure function of the text; an
 * editor marks the same.
 */
import type { BuildInstruction, Stage } from './instructions.ts'
import { IgnorePatterns } from './ignore.ts'
import { parseReference } from '../../core/reference.ts'
import { lintRules, type RuleName } from './lint-rules.ts'
import { parseDockerfile, type Dockerfile } from './parser.ts'
import { PREDEFINED_ARGS, PLATFORM_ARGS } from './predefined-args.ts'
import { expand, type Expansion } from './shell-words.ts'
import { stagesOf, type Stages } from './stages.ts'
import { suggestion } from './suggest.ts'

export interface Finding {
  readonly rule: RuleName
  /** What the rule is about. */
  readonly description: string
  /** What was found. */
  readonly message: string
  readonly url: string
  readonly startLine: number
  readonly endLine: number
}

export interface LintOptions {
  /** Values of `--build-arg`. */
  readonly buildArgs?: Readonly<Record<string, string>>
  readonly ignore?: readonly string[]
  /** Names of variables that an image sets, by the image; without it nothing is known of images. */
  readonly environments?: ReadonlyMap<string, readonly string[]>
}

/** @throws SyntaxError when the text is no Dockerfile */
export function lint(source: string, options: LintOptions = {}): Finding[] {
  const dockerfile = parseDockerfile(source)
  const { skip, experimental } = checkDirective(dockerfile)
  const findings: Finding[] = []
  const report: Report = (rule, place, ...args) => {
    const { description, format, isExperimental } = lintRules[rule]
    const isOn = isExperimental === true ? experimental.has(rule) || experimental.has('all') : true
    if (!isOn || skip.has(rule) || skip.has('all')) return
    const message = format(...args)
    const url = `https://docs.docker.com/go/dockerfile/rule/${kebab(rule)}/`
    const { startLine, endLine } = place
    findings.push({ rule, description, message, url, startLine, endLine })
  }
  for (const { endLine } of dockerfile.warnings) {
    report('NoEmptyContinuation', { startLine: endLine, endLine })
  }
  checkFromAs(dockerfile, report)
  checkCasing(dockerfile, report)
  const parsed = stagesOf(dockerfile)
  checkStageNames(parsed, dockerfile, report)
  checkFroms(parsed, options, report)
  checkWorkdirs(parsed, report)
  for (const stage of parsed.stages) checkStage(stage, options, report)
  checkVariables(parsed, dockerfile, options, report)
  checkDescriptions(parsed, report)
  return findings.sort((left, right) => left.startLine - right.startLine)
}

type Place = Pick<BuildInstruction, 'startLine' | 'endLine'>
type Report = (rule: RuleName, place: Place, ...args: readonly string[]) => void

const kebab = (name: string): string =>
  name
    .replaceAll(/([a-z])([A-Z])/g, '$1-$2')
    .replaceAll(/([A-Z])([A-Z][a-z])/g, '$1-$2')
    .toLowerCase()

/** `# check=skip=A,B;error=true;experimental=all` */
export function checkDirective({ directives }: Dockerfile): {
  skip: ReadonlySet<string>
  experimental: ReadonlySet<string>
  /** A finding is an error. */
  isError: boolean
} {
  const options = new Map(
    (directives.get('check')?.value ?? '').split(';').map((part) => {
      const at = part.indexOf('=')
      return [
        part.slice(0, at).trim(),
        part
          .slice(at + 1)
          .split(',')
          .map((name) => name.trim()),
      ]
    }),
  )
  return {
    skip: new Set(options.get('skip')),
    experimental: new Set(options.get('experimental')),
    isError: options.get('error')?.[0] === 'true',
  }
}

function checkCasing({ instructions }: Dockerfile, report: Report): void {
  const lower = instructions.filter(({ name }) => isLower(name)).length
  const upper = instructions.filter(({ name }) => isUpper(name)).length
  const majority = lower > upper ? 'lowercase' : 'uppercase'
  for (const instruction of instructions) {
    const { name } = instruction
    const fits = majority === 'lowercase' ? isLower(name) : isUpper(name)
    if (!fits) report('ConsistentInstructionCasing', instruction, name, majority)
  }
}

const isLower = (name: string): boolean => name === name.toLowerCase()
const isUpper = (name: string): boolean => name === name.toUpperCase()

function checkFromAs({ instructions }: Dockerfile, report: Report): void {
  for (const instruction of instructions) {
    const { name, values } = instruction
    const as = values[1]
    if (name.toLowerCase() !== 'from' || as?.toLowerCase() !== 'as') continue
    if (isLower(name) !== isLower(as)) report('FromAsCasing', instruction, as, name)
  }
}

function checkStageNames({ stages }: Stages, { instructions }: Dockerfile, report: Report): void {
  const seen = new Set<string>()
  const froms = instructions.filter(({ name }) => name.toLowerCase() === 'from')
  for (const [at, { from }] of stages.entries()) {
    if (from.name === undefined) continue
    const written = froms[at]?.values[2] ?? from.name
    if (written !== from.name) report('StageNameCasing', from, written)
    if (seen.has(from.name)) report('DuplicateStageName', from, from.name)
    seen.add(from.name)
    if (from.name === 'scratch' || from.name === 'context') {
      report('ReservedStageName', from, from.name)
    }
  }
}

function checkFroms(
  { args, stages }: Stages,
  { buildArgs = {} }: LintOptions,
  report: Report,
): void {
  const declared = new Map<string, string | undefined>()
  for (const { args: pairs } of args) {
    for (const { key, value } of pairs) declared.set(key, buildArgs[key] ?? value)
  }
  const defaults = new Map(args.flatMap((arg) => arg.args.map(({ key, value }) => [key, value])))
  for (const { from } of stages) {
    const { platform } = from
    const known = (name: string): string | undefined =>
      declared.get(name) ?? (PLATFORM_ARGS.has(name) ? 'linux/386' : undefined)
    for (const text of [from.base, platform ?? '']) {
      for (const name of readable(text, known).unset) {
        if (declared.has(name)) continue
        report(
          'UndefinedArgInFrom',
          from,
          name,
          suggestion(name, [...declared.keys(), ...PLATFORM_ARGS]),
        )
      }
    }
    const standard = readable(from.base, (key) => defaults.get(key) ?? known(key))
    if (from.base.includes('$') && !isReference(standard.text)) {
      report('InvalidDefaultArgInFrom', from, from.base)
    }
    if (platform === undefined) continue
    if (/^\$\{?TARGETPLATFORM\}?$/.test(platform)) report('RedundantTargetPlatform', from, platform)
    else if (!platform.includes('$') && !isNamedAfter(from.name, platform)) {
      report('FromPlatformFlagConstDisallowed', from, platform)
    }
  }
}

/** Whatever can't be read is for the build to tell. */
function readable(text: string, get: (name: string) => string | undefined): Expansion {
  try {
    return expand(text, get, { escape: '\\' })
  } catch {
    return { text, words: [text], unset: new Set(), used: new Set() }
  }
}

function isReference(name: string): boolean {
  try {
    return name !== '' && parseReference(name).path !== ''
  } catch {
    return false
  }
}

/** A stage for one platform says so. */
const isNamedAfter = (stage: string | undefined, platform: string): boolean =>
  platform.split('/', 2).some((part) => part !== '' && stage?.includes(part))

/** A stage that is built on another has its directory. */
function checkWorkdirs({ stages }: Stages, report: Report): void {
  const withWorkdir = new Set<string>()
  for (const { from, instructions } of stages) {
    let isSet = withWorkdir.has(from.base.toLowerCase())
    for (const instruction of instructions) {
      if (instruction.kind !== 'WORKDIR') continue
      if (!isSet && !/^[/$]/.test(instruction.value)) {
        report('WorkdirRelativePath', instruction, instruction.value)
      }
      isSet = true
    }
    if (isSet && from.name !== undefined) withWorkdir.add(from.name)
  }
}

const SECRET_WORDS = [
  'apikey',
  'auth',
  'credential',
  'credentials',
  'key',
  'password',
  'pword',
  'passwd',
  'secret',
  'token',
]
const SECRET = new RegExp(`(?:^|_)(?:${SECRET_WORDS.join('|')})(?:_|$)`, 'i')
const NO_SECRET = /(?:^|_)(?:public)(?:_|$)/i
const isSecret = (name: string): boolean => SECRET.test(name) && !NO_SECRET.test(name)

function checkStage({ instructions }: Stage, options: LintOptions, report: Report): void {
  const last = new Map<string, BuildInstruction>()
  const shellGiven = instructions.some(({ kind }) => kind === 'SHELL')
  for (const instruction of instructions) {
    switch (instruction.kind) {
      case 'MAINTAINER':
        report('MaintainerDeprecated', instruction)
        break
      case 'ENV':
      case 'LABEL':
        if (instruction.legacy) report('LegacyKeyValueFormat', instruction, instruction.kind)
        if (instruction.kind === 'ENV') {
          for (const { key } of instruction.pairs) {
            if (isSecret(key)) report('SecretsUsedInArgOrEnv', instruction, 'ENV', key)
          }
        }
        break
      case 'ARG':
        for (const { key } of instruction.args) {
          if (isSecret(key)) report('SecretsUsedInArgOrEnv', instruction, 'ARG', key)
        }
        break
      case 'CMD':
      case 'ENTRYPOINT':
      case 'HEALTHCHECK': {
        const before = last.get(instruction.kind)
        if (before) report('MultipleInstructionsDisallowed', before, instruction.kind)
        last.set(instruction.kind, instruction)
        if (
          instruction.kind !== 'HEALTHCHECK' &&
          instruction.command.form === 'shell' &&
          !shellGiven
        ) {
          report('JSONArgsRecommended', instruction, instruction.kind)
        }
        break
      }
      case 'EXPOSE':
        for (const port of [...instruction.ports].sort()) checkPort(port, instruction, report)
        break
      case 'COPY':
      case 'ADD':
        checkIgnored(instruction, options, report)
        break
      default:
    }
  }
}

function checkPort(port: string, place: Place, report: Report): void {
  if (port.includes('$')) return
  const [address = '', protocol] = port.split('/')
  if (protocol !== undefined && protocol !== protocol.toLowerCase()) {
    report('ExposeProtoCasing', place, port)
  }
  if (address.includes(':')) report('ExposeInvalidFormat', place, port)
}

function checkIgnored(
  instruction: Extract<BuildInstruction, { kind: 'COPY' | 'ADD' }>,
  { ignore }: LintOptions,
  report: Report,
): void {
  if (ignore === undefined || ignore.length === 0 || instruction.from !== undefined) return
  const patterns = new IgnorePatterns(ignore)
  for (const source of instruction.sources) {
    const path = source.replace(/^(?:\.?\/)+/, '').replace(/\/+$/, '')
    if (/^[a-z]+:\/\//.test(source) || path === '' || /[*?[$]/.test(path)) continue
    if (patterns.ignores(path)) report('CopyIgnoredFile', instruction, instruction.kind, source)
  }
}

/** Variables that no ARG or ENV before them gives. */
function checkVariables(
  { stages }: Stages,
  { escape }: Dockerfile,
  { environments }: LintOptions,
  report: Report,
): void {
  const ofStage = new Map<string, ReadonlySet<string>>()
  for (const { from, instructions } of stages) {
    const inherited = ofStage.get(from.base.toLowerCase())
    const own = from.base === 'scratch' ? ['PATH'] : environments?.get(from.base)
    const isOpen = inherited === undefined && own === undefined
    const known = new Set([...PREDEFINED_ARGS, ...(inherited ?? own ?? [])])
    const checkText = (text: string, place: Place): void => {
      let unset: ReadonlySet<string>
      try {
        unset = expand(text, (name) => (known.has(name) ? 'x' : undefined), { escape }).unset
      } catch {
        // The build says what is wrong with it.
        return
      }
      for (const name of unset) {
        // An image's environment is unknown: only what looks like a slip is told.
        const near = suggestion(name, [...known], { isCaseSensitive: true })
        if (!isOpen || near !== '')
          report('UndefinedVar', place, name, near.replace('mean ', 'mean $'))
      }
    }
    for (const instruction of instructions) {
      for (const text of textsOf(instruction)) checkText(text, instruction)
      if (instruction.kind === 'ARG') {
        for (const { key } of instruction.args) known.add(key)
      }
      if (instruction.kind === 'ENV') for (const { key } of instruction.pairs) known.add(key)
    }
    if (from.name !== undefined && !isOpen) ofStage.set(from.name, known)
  }
}

/** The parts of an instruction that the builder expands; RUN, CMD and ENTRYPOINT are the shell's. */
function textsOf(instruction: BuildInstruction): readonly string[] {
  switch (instruction.kind) {
    case 'COPY':
    case 'ADD':
      return [...instruction.sources, instruction.destination]
    case 'ENV':
    case 'LABEL':
      return instruction.pairs.map(({ value }) => value)
    case 'ARG':
      return instruction.args.flatMap(({ value }) => (value === undefined ? [] : [value]))
    case 'WORKDIR':
    case 'USER':
    case 'STOPSIGNAL':
      return [instruction.value]
    case 'VOLUME':
      return instruction.paths
    default:
      return []
  }
}

/** Comments right above a stage or a global ARG begin with its name. */
function checkDescriptions({ args, stages }: Stages, report: Report): void {
  const check = (name: string | undefined, kind: string, place: BuildInstruction): void => {
    const comments = place.comments.filter((line) => !/^(?:syntax|escape|check)\s*=/i.test(line))
    if (name === undefined || comments.length === 0) return
    const begins = comments.some((line) => line.startsWith(`${name} `) || line === name)
    if (!begins) report('InvalidDefinitionDescription', place, kind, name)
  }
  for (const { from } of stages) check(from.name, 'FROM', from)
  for (const arg of args) check(arg.args[0]?.key, 'ARG', arg)
}
