import { atLeast, exactly, ExitError, type Command, type Invocation } from '../kit/command.ts'
import { findCommand, groupEntries, groupNames } from './commands.ts'
import { containerNames, imageNames, networkNames, volumeNames } from './completion-names.ts'
import { flagValues } from './completion-values.ts'
import type { Flag } from '../kit/flags.ts'
import { globalFlags } from './global-flags.ts'

/**
 * What may stand where the cursor is, a line each; the last word is the one that is being typed. A line that ends in `=`, `:` or
 * `,` is to be typed on. The shell asks this at Tab, so it never fails: a mistake or an engine that is gone has no candidates.
 */
export const complete: Command = {
  usage: '[WORD...]',
  summary: 'Tell what the last word may become',
  args: atLeast(0),
  interspersed: false,
  async run(invocation) {
    const words = invocation.args
    const typed = words.at(-1) ?? ''
    const candidates = await candidatesOf(invocation, words.slice(0, -1), typed).catch(() => [])
    const fitting = [...new Set(candidates)]
      .filter((candidate) => candidate.startsWith(typed))
      .sort()
    await invocation.out.write(fitting.map((candidate) => `${candidate}\n`).join(''))
    return 0
  },
}

/**
 * bash takes `=` and `:` for the ends of words, and puts a candidate in place of what follows the last of them: so the words are
 * asked for whole, and what stands before it is cut off. The same text as in wasm/root.
 */
const BASH = `# What \`docker completion bash\` prints: the CLI itself tells what the word at the cursor may become.
_docker() {
  local cur words cword head
  _get_comp_words_by_ref -n =: cur words cword
  local IFS=$'\\n'
  COMPREPLY=($(docker __complete "\${words[@]:1:cword}" 2>/dev/null))
  head=\${cur%"\${cur##*[=:]}"}
  COMPREPLY=("\${COMPREPLY[@]#"$head"}")
  [[ \${#COMPREPLY[@]} -eq 1 && $COMPREPLY == *[=:,] ]] && compopt -o nospace
}
complete -o default -F _docker docker
`

/** `docker completion bash` */
export const completion: Command = {
  usage: 'SHELL',
  summary: 'Generate the autocompletion script for the specified shell',
  args: exactly(1),
  async run({ args, out }) {
    if (args[0] !== 'bash')
      throw new ExitError(1, `docker: no completion for '${args[0] ?? ''}', only for 'bash'`)
    await out.write(BASH)
    return 0
  },
}

const flagNames = (flags: readonly Flag[], typed: string): string[] =>
  flags
    .filter(({ hidden }) => hidden !== true)
    .flatMap(({ name, short }) => [
      `--${name}`,
      ...(short !== undefined && !typed.startsWith('--') ? [`-${short}`] : []),
    ])

async function candidatesOf(
  invocation: Invocation,
  before: readonly string[],
  typed: string,
): Promise<readonly string[]> {
  const start = commandAt(before)
  if (start < 0) {
    const waiting = globalFlags.find((flag) => takesNext(flag, before.at(-1) ?? ''))
    if (waiting) return flagValues(invocation, 'docker', waiting.name, typed)
    if (typed.startsWith('-')) return [...flagNames(globalFlags, typed), '--help']
    return [...groupEntries('').map(([name]) => name), ...groupNames, 'help', 'completion']
  }
  const [first, ...rest] = before.slice(start)
  if (first === 'completion') return ['bash']
  if (first === 'help') return candidatesOf(invocation, rest, typed)
  const found = findCommand(before.slice(start))
  if (found.kind === 'group') return [...groupEntries(found.group).map(([name]) => name), '--help']
  if (found.kind === 'unknown') return []
  return ofCommand(invocation, found, typed)
}

/** Where the command's name is; -1 while it is not there. */
function commandAt(words: readonly string[]): number {
  return words.findIndex(
    (word, at) =>
      !word.startsWith('-') && !globalFlags.some((flag) => takesNext(flag, words[at - 1] ?? '')),
  )
}

async function ofCommand(
  invocation: Invocation,
  {
    command,
    aliases: [path = ''],
    rest,
  }: Extract<ReturnType<typeof findCommand>, { kind: 'command' }>,
  typed: string,
): Promise<readonly string[]> {
  const flags = command.flags ?? []
  const given = argumentsIn(flags, rest)
  // The rest belongs to the container's command.
  if (command.interspersed === false && given.length > 0 && path !== 'docker container exec') {
    return []
  }
  const waiting = rest.includes('--')
    ? undefined
    : flags.find((flag) => takesNext(flag, rest.at(-1) ?? ''))
  if (waiting) return flagValues(invocation, path, waiting.alias ?? waiting.name, typed)
  const [, name, value] = /^--([^=]+)=(.*)$/.exec(typed) ?? []
  const flag = flags.find((candidate) => candidate.name === name)
  if (flag && value !== undefined) {
    const values = await flagValues(invocation, path, flag.alias ?? flag.name, value)
    return values.map((found) => `--${flag.name}=${found}`)
  }
  if (typed.startsWith('-')) return [...flagNames(flags, typed), '--help']
  const objects = await objectsOf(invocation, path, command.usage, given, rest)
  return objects.filter((candidate) => !given.includes(candidate))
}

/** A flag whose value is the next word. */
const takesNext = ({ name, short, type }: Flag, word: string): boolean =>
  type !== 'bool' &&
  (word === `--${name}` || (short !== undefined && new RegExp(`^-[A-Za-z]*${short}$`).test(word)))

function argumentsIn(flags: readonly Flag[], words: readonly string[]): string[] {
  const found: string[] = []
  for (const [at, word] of words.entries()) {
    if (word.startsWith('-')) continue
    if (flags.some((flag) => takesNext(flag, words[at - 1] ?? ''))) continue
    found.push(word)
  }
  return found
}

/** States of the containers that a command can do something with; others take all. */
const states: Readonly<Record<string, readonly string[]>> = {
  'docker container attach': ['running'],
  'docker container exec': ['running'],
  'docker container kill': ['running', 'paused'],
  'docker container pause': ['running'],
  'docker container start': ['created', 'exited'],
  'docker container stop': ['running', 'paused', 'restarting'],
  'docker container top': ['running', 'paused'],
  'docker container unpause': ['paused'],
}

async function objectsOf(
  invocation: Invocation,
  path: string,
  usage: string,
  given: readonly string[],
  rest: readonly string[],
): Promise<string[]> {
  const [line = ''] = usage.split('\n')
  if (path === 'docker container cp') {
    return given.length > 1 ? [] : (await containerNames(invocation)).map((name) => `${name}:`)
  }
  const names = line
    .replaceAll(/\[OPTIONS\]|[[\]]/g, '')
    .trim()
    .split(/\s+/)
  const last = names.at(-1) ?? ''
  const name = names[given.length] ?? (last.endsWith('...') && last !== 'ARG...' ? last : '')
  if (name.startsWith('NAME|ID')) {
    const found = await Promise.all([containerNames(invocation), imageNames(invocation)])
    return found.flat()
  }
  if (name.startsWith('CONTAINER')) {
    const isForced = rest.some((word) => word === '--force' || /^-[a-z]*f/.test(word))
    const isRemoval = path === 'docker container rm' && !isForced
    const fitting = isRemoval ? ['created', 'dead', 'exited'] : (states[path] ?? [])
    return containerNames(invocation, ...fitting)
  }
  if (/^(IMAGE|SOURCE_IMAGE|TARGET_IMAGE|REPOSITORY|NAME)/.test(name)) return imageNames(invocation)
  if (name.startsWith('NETWORK')) return networkNames(invocation)
  return name.startsWith('VOLUME') ? volumeNames(invocation) : []
}
