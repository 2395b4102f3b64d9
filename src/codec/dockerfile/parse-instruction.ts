import { Flags, type FlagKind } from './flags.ts'
import type { BuildInstruction, Command, InstructionKind } from './instructions.ts'
import { parseHeredoc } from './heredoc.ts'
import type { Instruction } from './parser.ts'
import { suggestion } from './suggest.ts'

const KINDS: readonly InstructionKind[] = [
  'ADD',
  'ARG',
  'CMD',
  'COPY',
  'ENTRYPOINT',
  'ENV',
  'EXPOSE',
  'FROM',
  'HEALTHCHECK',
  'LABEL',
  'MAINTAINER',
  'ONBUILD',
  'RUN',
  'SHELL',
  'STOPSIGNAL',
  'USER',
  'VOLUME',
  'WORKDIR',
]

const COPY_FLAGS = {
  chown: 'string',
  chmod: 'string',
  link: 'bool',
  exclude: 'strings',
} as const satisfies Record<string, FlagKind>

const FLAGS: Partial<Record<InstructionKind, Readonly<Record<string, FlagKind>>>> = {
  FROM: { platform: 'string' },
  COPY: { ...COPY_FLAGS, from: 'string', parents: 'bool' },
  ADD: { ...COPY_FLAGS, 'keep-git-dir': 'bool', checksum: 'string', unpack: 'bool' },
  RUN: { mount: 'strings', network: 'string', security: 'string' },
  HEALTHCHECK: {
    interval: 'string',
    timeout: 'string',
    'start-period': 'string',
    'start-interval': 'string',
    retries: 'string',
  },
}

const isKind = (name: string): name is InstructionKind =>
  (KINDS as readonly string[]).includes(name)

/** @throws Error in BuildKit's words */
export function parseInstruction(instruction: Instruction): BuildInstruction {
  const kind = instruction.name.toUpperCase()
  if (!isKind(kind)) {
    throw new Error(`unknown instruction: ${instruction.name}${suggestion(kind, KINDS)}`)
  }
  const flags = new Flags(instruction.flags, FLAGS[kind] ?? {})
  const { original, startLine, endLine, comments } = instruction
  const place: Place = { original, startLine, endLine, comments }
  return { ...parseKind(kind, instruction, flags), ...place }
}

type WithoutPlace<T> = T extends unknown ? Omit<T, keyof Place> : never
type Parsed = WithoutPlace<BuildInstruction>
type Place = Pick<Instruction, 'original' | 'startLine' | 'endLine' | 'comments'>

function parseKind(kind: InstructionKind, instruction: Instruction, flags: Flags): Parsed {
  const { values } = instruction
  switch (kind) {
    case 'FROM':
      return parseFrom(values, flags)
    case 'COPY':
    case 'ADD':
      return parseCopy(kind, instruction, flags)
    case 'RUN':
      return {
        kind,
        command: commandOf(instruction, instruction.values),
        heredocs: instruction.heredocs,
        mounts: flags.strings('mount'),
        ...optional('network', flags.string('network')),
        ...optional('security', flags.string('security')),
      }
    case 'CMD':
    case 'ENTRYPOINT':
      return { kind, command: commandOf(instruction, values) }
    case 'ENV':
    case 'LABEL':
      return parsePairs(kind, values)
    case 'ARG':
      return { kind, args: parseArgs(values) }
    case 'HEALTHCHECK':
      return parseHealthcheck(instruction, flags)
    case 'WORKDIR':
    case 'USER':
    case 'STOPSIGNAL':
    case 'MAINTAINER': {
      const [value] = values
      if (value === undefined || values.length !== 1) {
        throw new Error(`${kind} requires exactly one argument`)
      }
      return { kind, value }
    }
    case 'EXPOSE':
      return { kind, ports: atLeastOne(kind, values) }
    case 'VOLUME': {
      const paths = atLeastOne(kind, values).map((path) => path.trim())
      if (paths.includes('')) throw new Error('VOLUME specified can not be an empty string')
      return { kind, paths }
    }
    case 'SHELL':
      if (!instruction.json) {
        throw new Error('SHELL requires the arguments to be in JSON form')
      }
      return { kind, shell: atLeastOne(kind, values) }
    case 'ONBUILD':
      return parseOnbuild(instruction)
  }
}

const optional = <K extends string, V>(key: K, value: V | undefined): { readonly [P in K]?: V } =>
  (value === undefined ? {} : { [key]: value }) as { readonly [P in K]?: V }

function atLeastOne(kind: string, values: readonly string[]): readonly string[] {
  if (values.length === 0) throw new Error(`${kind} requires at least one argument`)
  return values
}

function commandOf({ json }: Instruction, values: readonly string[]): Command {
  return json ? { form: 'exec', args: values } : { form: 'shell', text: values[0] ?? '' }
}

function parseFrom(values: readonly string[], flags: Flags): Parsed {
  const [base, as, name] = values
  const hasName = values.length === 3 && as?.toLowerCase() === 'as'
  if (base === undefined || (values.length !== 1 && !hasName)) {
    throw new Error('FROM requires either one or three arguments')
  }
  const lower = hasName ? name?.toLowerCase() : undefined
  if (lower !== undefined && !/^[a-z][a-z0-9\-_.]*$/.test(lower)) {
    throw new Error(
      `invalid name for build stage: ${JSON.stringify(name)}, name can't start with a number or contain symbols`,
    )
  }
  return {
    kind: 'FROM',
    base,
    ...optional('name', lower),
    ...optional('platform', flags.string('platform')),
  }
}

function parseCopy(kind: 'COPY' | 'ADD', instruction: Instruction, flags: Flags): Parsed {
  const { values, heredocs } = instruction
  if (values.length === 0) throw new Error(`${kind} requires at least one argument`)
  const destination = values.at(-1)
  if (destination === undefined || values.length < 2) {
    throw new Error(
      `${kind} requires at least two arguments, but only one was provided. Destination could not be determined`,
    )
  }
  return {
    kind,
    sources: values.slice(0, -1).filter((value) => !isHeredoc(value, instruction)),
    destination,
    heredocs,
    link: flags.bool('link'),
    parents: flags.bool('parents'),
    exclude: flags.strings('exclude'),
    ...optional('from', flags.string('from')),
    ...optional('chown', flags.string('chown')),
    ...optional('chmod', flags.string('chmod')),
    ...optional('checksum', flags.string('checksum')),
    ...(flags.string('keep-git-dir') === undefined
      ? {}
      : { keepGitDir: flags.bool('keep-git-dir') }),
    ...(flags.string('unpack') === undefined ? {} : { unpack: flags.bool('unpack') }),
  }
}

const isHeredoc = (value: string, { heredocs }: Instruction): boolean =>
  heredocs.length > 0 && parseHeredoc(value) !== undefined

function parsePairs(kind: 'ENV' | 'LABEL', values: readonly string[]): Parsed {
  if (values.length === 0) throw new Error(`${kind} requires at least one argument`)
  const pairs: { key: string; value: string }[] = []
  for (let at = 0; at < values.length; at += 3) {
    const key = values[at] ?? ''
    if (key === '') throw new Error(`${kind} names can not be blank`)
    pairs.push({ key, value: values[at + 1] ?? '' })
  }
  return { kind, pairs, legacy: values[2] === '' }
}

function parseArgs(values: readonly string[]): { key: string; value?: string }[] {
  if (values.length === 0) throw new Error('ARG requires at least one argument')
  return values.map((word) => {
    const at = word.indexOf('=')
    const key = at < 0 ? word : word.slice(0, at)
    if (key === '') throw new Error('ARG names can not be blank')
    return at < 0 ? { key } : { key, value: word.slice(at + 1) }
  })
}

function parseHealthcheck(instruction: Instruction, flags: Flags): Parsed {
  const { values, flags: given } = instruction
  const [type, ...rest] = values
  if (type === undefined) throw new Error('HEALTHCHECK requires at least one argument')
  if (type.toUpperCase() === 'NONE') {
    if (rest.length > 0) throw new Error('HEALTHCHECK NONE takes no arguments')
    if (given.length > 0) throw new Error('HEALTHCHECK NONE takes no flags')
    return { kind: 'HEALTHCHECK' }
  }
  if (type.toUpperCase() !== 'CMD') {
    throw new Error(`Unknown type ${JSON.stringify(type.toUpperCase())} in HEALTHCHECK (try CMD)`)
  }
  if (rest.length === 0 || (!instruction.json && rest[0] === '')) {
    throw new Error('Missing command after HEALTHCHECK CMD')
  }
  return {
    kind: 'HEALTHCHECK',
    command: commandOf(instruction, rest),
    ...optional('interval', flags.string('interval')),
    ...optional('timeout', flags.string('timeout')),
    ...optional('startPeriod', flags.string('start-period')),
    ...optional('startInterval', flags.string('start-interval')),
    ...optional('retries', flags.string('retries')),
  }
}

function parseOnbuild({ child, original }: Instruction): Parsed {
  if (!child) throw new Error('ONBUILD requires at least one argument')
  const trigger = child.name.toUpperCase()
  if (trigger === 'ONBUILD') {
    throw new Error("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed")
  }
  if (trigger === 'MAINTAINER' || trigger === 'FROM') {
    throw new Error(`${trigger} isn't allowed as an ONBUILD trigger`)
  }
  parseInstruction(child)
  return { kind: 'ONBUILD', text: original.trim().replace(/^ONBUILD\s*/i, '') }
}
