import { canonical, withDefaultTag } from '../../core/reference.ts'
import { exactly, ExitError, type Command } from '../../kit/command.ts'
import { flag } from '../../kit/flags.ts'
import { pullImage, reference } from '../../kit/pull-image.ts'

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
