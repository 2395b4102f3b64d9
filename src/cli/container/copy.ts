import { exactly, ExitError, type Command } from '../../kit/command.ts'
import { copyFrom, copyPlace, copyTo } from '../../kit/copy/copy.ts'
import { flag } from '../../kit/flags.ts'
import { humanSize } from '../../kit/human.ts'

export const copy: Command = {
  usage:
    '[OPTIONS] CONTAINER:SRC_PATH DEST_PATH|-\n\tdocker cp [OPTIONS] SRC_PATH|- CONTAINER:DEST_PATH',
  summary: 'Copy files/folders between a container and the local filesystem',
  description: `Copy files/folders between a container and the local filesystem

Use '-' as the source to read a tar archive from stdin
and extract it to a directory destination in a container.
Use '-' as the destination to stream a tar archive of a
container source to stdout.`,
  args: exactly(2),
  flags: [
    flag('-a, --archive', 'bool', 'Archive mode (copy all uid/gid information)'),
    flag('-L, --follow-link', 'bool', 'Always follow symbol link in SRC_PATH'),
    flag(
      '-q, --quiet',
      'bool',
      'Suppress progress output during copy. Progress output is automatically suppressed if no terminal is attached',
    ),
  ],
  async run(invocation) {
    const { args, err, flags, host } = invocation
    const [from = '', to = ''] = args
    if (from === '') throw new ExitError(1, 'source can not be empty')
    if (to === '') throw new ExitError(1, 'destination can not be empty')
    const source = copyPlace(from)
    const target = copyPlace(to)
    if (source.container !== '' && target.container !== '') {
      throw new ExitError(1, 'copying between containers is not supported')
    }
    if (source.container === '' && target.container === '')
      throw new ExitError(1, 'must specify at least one container source')
    const copied =
      source.container !== ''
        ? await copyFrom(invocation, source, target.path, { followLink: flags.bool('follow-link') })
        : await copyTo(invocation, source.path === '-' ? host.stdin : source.path, target, {
            copyUIDGID: flags.bool('archive'),
          })
    if (copied && !flags.bool('quiet') && host.tty[1])
      await err.line(`Successfully copied ${humanSize(copied.bytes)} to ${copied.target}`)
    return 0
  },
}
