import { canonical, withDefaultTag } from '../../core/reference.ts'
import {
  atLeast,
  between,
  exactly,
  ExitError,
  noArguments,
  type Command,
  type Invocation,
} from '../../kit/command.ts'
import { flag } from '../../kit/flags.ts'
import { openFile, pathFrom } from '../../kit/paths.ts'
import { reference } from '../../kit/pull-image.ts'
import { drainProgress, showProgress } from '../../kit/progress.ts'

/** Commands that read or write tar archives. */

const outputFlag = flag('-o, --output', 'string', 'Write to a file, instead of STDOUT')

/** @throws ExitError when a terminal would get the bytes */
async function writeArchive(
  { flags, host, out }: Invocation,
  open: () => Promise<ReadableStream<Uint8Array>>,
): Promise<number> {
  const path = flags.text('output')
  if (path === '' && host.tty[1]) {
    throw new ExitError(1, 'cowardly refusing to save to a terminal. Use the -o flag or redirect')
  }
  const archive = await open()
  if (path === '') for await (const bytes of archive) await out.bytes(bytes)
  else await host.files.write(pathFrom(host, path), archive, { mode: 0o600, exclusive: false })
  return 0
}

export const save: Command = {
  usage: '[OPTIONS] IMAGE [IMAGE...]',
  summary: 'Save one or more images to a tar archive (streamed to STDOUT by default)',
  args: atLeast(1),
  flags: [
    outputFlag,
    flag(
      '--platform',
      'string',
      'Save only the given platform variant. Formatted as "os[/arch[/variant]]" (e.g., "linux/amd64")',
    ),
  ],
  run: (invocation) =>
    writeArchive(invocation, () =>
      invocation.client.images.save(invocation.args, invocation.signal),
    ),
}

export const exportContainer: Command = {
  usage: '[OPTIONS] CONTAINER',
  summary: "Export a container's filesystem as a tar archive",
  args: exactly(1),
  flags: [outputFlag],
  run: (invocation) =>
    writeArchive(invocation, () =>
      invocation.client.containers.export(invocation.args[0] ?? '', invocation.signal),
    ),
}

export const load: Command = {
  usage: '[OPTIONS]',
  summary: 'Load an image from a tar archive or STDIN',
  args: noArguments,
  flags: [
    flag('-i, --input', 'string', 'Read from tar archive file, instead of STDIN'),
    flag(
      '--platform',
      'string',
      'Load only the given platform variant. Formatted as "os[/arch[/variant]]" (e.g., "linux/amd64")',
    ),
    flag('-q, --quiet', 'bool', 'Suppress the load output'),
  ],
  async run({ flags, client, host, out, signal }) {
    const path = flags.text('input')
    if (path === '' && host.tty[0])
      throw new ExitError(1, 'requested load from stdin, but stdin is empty')
    const tar = path === '' ? host.stdin : await openFile(host, path)
    const isTerminal = host.tty[1]
    const messages = await client.images.load(tar, flags.bool('quiet') || !isTerminal, signal)
    await showProgress(messages, { output: out, isTerminal, host })
    return 0
  },
}

export const importImage: Command = {
  usage: '[OPTIONS] file|URL|- [REPOSITORY[:TAG]]',
  summary: 'Import the contents from a tarball to create a filesystem image',
  args: between(1, Number.POSITIVE_INFINITY),
  flags: [
    flag('-c, --change', 'list', 'Apply Dockerfile instruction to the created image'),
    flag('-m, --message', 'string', 'Set commit message for imported image'),
    flag('--platform', 'string', 'Set platform if server is multi-platform capable'),
  ],
  async run({ flags, args, client, host, out, signal }) {
    const [source = '', target] = args
    const isUrl = /^(https?|ftp):\/\//.test(source)
    const tar = source === '-' ? host.stdin : isUrl ? undefined : await openFile(host, source)
    const messages = await client.images.import(
      {
        fromSrc: isUrl ? source : '-',
        repo: target,
        message: flags.given('message'),
        changes: flags.list('change'),
        platform: flags.given('platform'),
      },
      tar,
      signal,
    )
    await showProgress(messages, { output: out, isTerminal: host.tty[1], host })
    return 0
  },
}

export const push: Command = {
  usage: '[OPTIONS] NAME[:TAG]',
  summary: 'Upload an image to a registry',
  args: exactly(1),
  flags: [
    flag('-a, --all-tags', 'bool', 'Push all tags of an image to the repository'),
    flag('--disable-content-trust', 'bool', 'Skip image signing', { initial: 'true' }),
    flag(
      '--platform',
      'string',
      "Push a platform-specific manifest as a single-platform image to the registry.\nImage index won't be pushed, meaning that other manifests, including attestations won't be preserved.\n'os[/arch[/variant]]': Explicit platform (eg. linux/amd64)",
    ),
    flag('-q, --quiet', 'bool', 'Suppress verbose output'),
  ],
  async run({ flags, args, client, host, out, signal }) {
    const given = reference(args[0] ?? '')
    const all = flags.bool('all-tags')
    if (all && given.tag !== undefined)
      throw new ExitError(1, "tag can't be used with --all-tags/-a")
    const full = all ? given : withDefaultTag(given)
    const quiet = flags.bool('quiet')
    if (!all && full !== given && !quiet) await out.line(`Using default tag: ${full.tag ?? ''}`)
    const { domain, path, tag = '' } = full
    const messages = await client.images.push(canonical({ domain, path }), tag, signal)
    if (quiet) {
      await drainProgress(messages)
      await out.line(canonical(full))
    } else await showProgress(messages, { output: out, isTerminal: host.tty[1], host })
    return 0
  },
}

export const commit: Command = {
  usage: '[OPTIONS] CONTAINER [REPOSITORY[:TAG]]',
  summary: "Create a new image from a container's changes",
  args: between(1, 2),
  flags: [
    flag('-a, --author', 'string', 'Author (e.g., "John Hannibal Smith <hannibal@a-team.com>")'),
    flag('-c, --change', 'list', 'Apply Dockerfile instruction to the created image'),
    flag('-m, --message', 'string', 'Commit message'),
    flag('-p, --pause', 'bool', 'Pause container during commit', { initial: 'true' }),
  ],
  async run({ flags, args, client, out, signal }) {
    const [container = '', target] = args
    const image = target === undefined ? undefined : withDefaultTag(reference(target))
    const { Id } = await client.containers.commit(
      {
        container,
        repo: image && canonical({ domain: image.domain, path: image.path }),
        tag: image?.tag,
        author: flags.given('author'),
        comment: flags.given('message'),
        changes: flags.list('change'),
        ...(!flags.bool('pause') && { pause: '0' }),
      },
      signal,
    )
    await out.line(Id)
    return 0
  },
}
