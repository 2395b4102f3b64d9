import { canonical, parseReference, withDefaultTag, type Reference } from '../../core/reference.ts'
import { exactly, ExitError, messageOf, type Command, type Invocation } from '../command.ts'
import { flag } from '../flags.ts'
import type { TextOutput } from '../text-output.ts'
import { drainProgress, showProgress } from './progress.ts'

const platformFlag = flag(
  '--platform',
  'string',
  'Set platform if server is multi-platform capable',
)

export const pull: Command = {
  usage: '[OPTIONS] NAME[:TAG|@DIGEST]',
  summary: 'Download an image from a registry',
  args: exactly(1),
  flags: [
    flag('-a, --all-tags', 'bool', 'Download all tagged images in the repository'),
    flag('--disable-content-trust', 'bool', 'Skip image verification', { initial: 'true' }),
    platformFlag,
    flag('-q, --quiet', 'bool', 'Suppress verbose output'),
  ],
  async run(invocation) {
    const { flags, args, out } = invocation
    const given = reference(args[0] ?? '')
    const all = flags.bool('all-tags')
    const quiet = flags.bool('quiet')
    if (all && (given.tag !== undefined || given.digest)) {
      throw new ExitError(1, "tag can't be used with --all-tags/-a")
    }
    const full = all ? given : withDefaultTag(given)
    if (!all && full !== given && !quiet) await out.line(`Using default tag: ${full.tag ?? ''}`)
    await pullImage(invocation, full, {
      quiet,
      platform: flags.given('platform'),
      output: out,
      isTerminal: invocation.host.tty[1],
    })
    await out.line(canonical(full))
    return 0
  },
}

export interface PullOptions {
  readonly quiet: boolean
  readonly platform: string | undefined
  readonly output: TextOutput
  readonly isTerminal: boolean
}

/** Pull and show how it goes. */
export async function pullImage(
  { client, host, signal }: Invocation,
  image: Reference,
  options: PullOptions,
): Promise<void> {
  const fromImage = canonical({ domain: image.domain, path: image.path })
  const messages = await client.images.pull(
    { fromImage, tag: image.digest ?? image.tag ?? '', platform: options.platform },
    signal,
  )
  if (options.quiet) await drainProgress(messages)
  else
    await showProgress(messages, { output: options.output, isTerminal: options.isTerminal, host })
}

/** @throws ExitError with Docker's sentence */
export function reference(text: string): Reference {
  try {
    return parseReference(text)
  } catch (error) {
    throw new ExitError(1, messageOf(error), { cause: error })
  }
}
