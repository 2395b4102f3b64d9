import { atLeast, exactly, ExitError, type Command, type Invocation } from './command.ts'
import { findCommand, groupEntries, groupNames } from './commands.ts'
import { globalFlags } from './global-flags.ts'
import type { Flag } from './flags.ts'

/**
 * What may stand where the cursor is, a line each; the last word is the one that is being typed. The shell asks this
 * at Tab, so it never fails: a mistake or an engine that is gone has no candidates.
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

/** `docker completion bash` */
export const completion: Command = {
  usage: 'SHELL',
  summary: 'Generate the autocompletion script for the specified shell',
  args: exactly(1),
  async run({ args, out }) {
    if (args[0] !== 'bash')
      throw new ExitError(1, `docker: no completion for '${args[0] ?? ''}', only for 'bash'`)
    await out.write(`_docker() {
  local IFS=$'\\n'
  COMPREPLY=($(docker __complete "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o default -F _docker docker
`)
    return 0
  },
}

const flagNames = (flags: readonly Flag[]): string[] =>
  flags.filter(({ hidden }) => hidden !== true).map(({ name }) => `--${name}`)

async function candidatesOf(
  invocation: Invocation,
  before: readonly string[],
  typed: string,
): Promise<readonly string[]> {
  const start = before.findIndex((word) => !word.startsWith('-'))
  if (start < 0) {
    if (typed.startsWith('-')) return flagNames(globalFlags)
    return [...groupEntries('').map(([name]) => name), ...groupNames]
  }
  const found = findCommand(before.slice(start))
  if (found.kind === 'group') return groupEntries(found.group).map(([name]) => name)
  if (found.kind === 'unknown') return []
  const { command, rest } = found
  const flags = command.flags ?? []
  const previous = rest.at(-1) ?? ''
  const waiting = flags.find((flag) => takesNext(flag, previous))
  if (waiting) return valuesOf(invocation, waiting)
  if (typed.startsWith('-')) return [...flagNames(flags), '--help']
  return objectsOf(invocation, command.usage, argumentsIn(flags, rest).length)
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

/** @param index which argument it is, from 0 */
async function objectsOf(invocation: Invocation, usage: string, index: number): Promise<string[]> {
  const [line = ''] = usage.split('\n')
  const names = line
    .replaceAll(/\[OPTIONS\]|[[\]]/g, '')
    .trim()
    .split(/\s+/)
  const last = names.at(-1) ?? ''
  const name = names[index] ?? (last.endsWith('...') && last !== 'ARG...' ? last : '')
  if (name.startsWith('NAME|ID'))
    return [...(await containerNames(invocation)), ...(await imageNames(invocation))]
  if (name.startsWith('CONTAINER')) return containerNames(invocation)
  if (/^(IMAGE|SOURCE_IMAGE|REPOSITORY|NAME)/.test(name)) return imageNames(invocation)
  if (name.startsWith('NETWORK')) return networkNames(invocation)
  return name.startsWith('VOLUME') ? volumeNames(invocation) : []
}

async function valuesOf(invocation: Invocation, { name }: Flag): Promise<string[]> {
  if (name === 'network') return networkNames(invocation)
  if (name === 'volumes-from') return containerNames(invocation)
  if (name === 'pull') return ['always', 'missing', 'never']
  if (name === 'restart') return ['always', 'no', 'on-failure', 'unless-stopped']
  if (name === 'type') return ['container', 'image', 'network', 'volume']
  return []
}

const containerNames = async ({ client, signal }: Invocation): Promise<string[]> =>
  (await client.containers.list({ all: true }, signal)).flatMap(({ Names }) =>
    Names.map((name) => name.slice(1)),
  )

async function imageNames({ client, signal }: Invocation): Promise<string[]> {
  const images = await client.images.list({}, signal)
  const tags = images
    .flatMap(({ RepoTags }) => RepoTags ?? [])
    .filter((tag) => tag !== '<none>:<none>')
  // The shell takes a colon for the end of a word, so a name alone is the better candidate where it means the same.
  return tags.map((tag) => tag.replace(/:latest$/, ''))
}

const networkNames = async ({ client, signal }: Invocation): Promise<string[]> =>
  (await client.networks.list({}, signal)).map(({ Name }) => Name)

const volumeNames = async ({ client, signal }: Invocation): Promise<string[]> =>
  (await client.volumes.list({}, signal)).map(({ Name }) => Name)
