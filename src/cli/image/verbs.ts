import { isNotFound } from '../../client/client-error.ts'
import { canonical, parseReference, withDefaultTag, type Reference } from '../../core/reference.ts'
import { atLeast, exactly, ExitError, messageOf, type Command } from '../../kit/command.ts'
import { flag } from '../../kit/flags.ts'
import { inspectAll } from '../inspect.ts'
import { objectFormatFlag } from '../../kit/list-format.ts'
import { eachOperand } from '../../kit/operands.ts'

export const remove: Command = {
  usage: '[OPTIONS] IMAGE [IMAGE...]',
  summary: 'Remove one or more images',
  args: atLeast(1),
  flags: [
    flag('-f, --force', 'bool', 'Force removal of the image'),
    flag('--no-prune', 'bool', 'Do not delete untagged parents'),
    flag(
      '--platform',
      'strings',
      'Remove only the given platform variant. Formatted as "os[/arch[/variant]]" (e.g., "linux/amd64")',
    ),
  ],
  run(invocation) {
    const { flags, client, signal } = invocation
    const force = flags.bool('force')
    return eachOperand(
      invocation,
      invocation.args,
      async (name) => {
        const items = await client.images.remove(
          name,
          { force, noprune: flags.bool('no-prune') },
          signal,
        )
        const lines = items.map((item) =>
          'Deleted' in item ? `Deleted: ${item.Deleted}` : `Untagged: ${item.Untagged}`,
        )
        return lines.length > 0 ? lines.join('\n') : undefined
      },
      (error) => force && isNotFound(error),
    )
  },
}

export const tag: Command = {
  usage: 'SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]',
  summary: 'Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE',
  args: exactly(2),
  async run({ args, client, signal }) {
    const [source = '', target = ''] = args
    const { domain, path, tag: name } = withDefaultTag(tagReference(target))
    await client.images.tag(source, { repo: canonical({ domain, path }), tag: name ?? '' }, signal)
    return 0
  },
}

/** @throws ExitError as Docker words it */
function tagReference(text: string): Reference {
  try {
    return parseReference(text)
  } catch (error) {
    const reason = messageOf(error)
    throw new ExitError(
      1,
      `Error parsing reference: ${JSON.stringify(text)} is not a valid repository/tag: ${reason}`,
      {
        cause: error,
      },
    )
  }
}

export const inspect: Command = {
  usage: '[OPTIONS] IMAGE [IMAGE...]',
  summary: 'Display detailed information on one or more images',
  args: atLeast(1),
  flags: [
    objectFormatFlag(),
    flag(
      '--platform',
      'string',
      "Inspect a specific platform of the multi-platform image.\nIf the image or the server is not multi-platform capable, the command will error out if the platform does not match.\n'os[/arch[/variant]]': Explicit platform (eg. linux/amd64)",
    ),
  ],
  run: (invocation) =>
    inspectAll(invocation, (name) => invocation.client.images.inspectRaw(name, invocation.signal)),
}
