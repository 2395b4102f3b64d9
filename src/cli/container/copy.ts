import { isNotFound } from '../../client/client-error.ts'
import type { PathStat } from '../../client/containers.ts'
import { CliFileError, type FileStat } from '../../ports/cli-host.ts'
import { exactly, ExitError, type Command, type Invocation } from '../../kit/command.ts'
import { flag } from '../../kit/flags.ts'
import { humanSize } from '../../kit/human.ts'
import { packFiles } from '../../kit/pack-files.ts'
import { pathFrom } from '../../kit/paths.ts'
import { unpackFiles } from './copy-unpack.ts'

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
    const [from = '', to = ''] = invocation.args
    if (from === '') throw new ExitError(1, 'source can not be empty')
    if (to === '') throw new ExitError(1, 'destination can not be empty')
    const source = placeOf(from)
    const target = placeOf(to)
    if (source.container !== '' && target.container !== '') {
      throw new ExitError(1, 'copying between containers is not supported')
    }
    if (source.container !== '') return copyOut(invocation, source, target.path)
    if (target.container !== '') return copyIn(invocation, source.path, target)
    throw new ExitError(1, 'must specify at least one container source')
  },
}

interface Place {
  readonly container: string
  readonly path: string
}

/** `web:/etc`; a path that starts with a dot or a slash is local, whatever colons it has. */
function placeOf(text: string): Place {
  const colon = text.indexOf(':')
  if (text.startsWith('/') || text.startsWith('.') || colon < 0)
    return { container: '', path: text }
  return { container: text.slice(0, colon), path: text.slice(colon + 1) }
}

/** Go's os.ModeDir and os.ModeSymlink. */
const isDirectory = ({ mode }: PathStat): boolean => Math.floor(mode / 2 ** 31) % 2 === 1
const isLink = ({ mode }: PathStat): boolean => Math.floor(mode / 2 ** 27) % 2 === 1

const lastOf = (path: string): string => path.replace(/\/+$/, '').split('/').at(-1) ?? ''
/** `dir/.` means what is in it. */
const contentsOnly = (path: string): boolean => path === '.' || path.endsWith('/.')

async function copyOut(invocation: Invocation, source: Place, target: string): Promise<number> {
  const { client, host, out, flags, signal } = invocation
  let { path } = source
  if (flags.bool('follow-link')) {
    const stat = await client.containers.statPath(source.container, path, signal)
    if (isLink(stat))
      path = stat.linkTarget.startsWith('/')
        ? stat.linkTarget
        : `${path.replace(/[^/]*$/, '')}${stat.linkTarget}`
  }
  if (target === '-' && host.tty[1]) {
    throw new ExitError(1, 'cowardly refusing to copy to a terminal: use a file or redirect')
  }
  const { stat, tar } = await client.containers.archive(source.container, path, signal)
  if (target === '-') {
    for await (const bytes of tar) await out.bytes(bytes)
    return 0
  }
  const destination = pathFrom(host, target)
  await checkFolder(invocation, destination)
  const there = await statOrNothing(invocation, destination)
  const directory = isDirectory(stat)
  if (there === undefined && target.endsWith('/') && !directory)
    throw new ExitError(1, 'no such directory')
  if (there !== undefined && there.kind !== 'directory' && directory) {
    throw new ExitError(1, 'cannot copy directory')
  }
  // Into a directory that is there, under its own name; else the copy gets the name that was given.
  const into = there?.kind === 'directory' && !contentsOnly(path)
  const root = into ? `${destination === '/' ? '' : destination}/${lastOf(stat.name)}` : destination
  const bytes = await unpackFiles(host.files, tar, root, contentsOnly(path))
  await told(invocation, bytes, destination)
  return 0
}

async function copyIn(invocation: Invocation, source: string, target: Place): Promise<number> {
  const { client, host, flags, signal } = invocation
  const { container } = target
  const stat = await containerStat(invocation, target)
  const options = { copyUIDGID: flags.bool('archive') }
  if (source === '-') {
    if (stat === undefined || !isDirectory(stat)) {
      throw new ExitError(1, `destination "${container}:${target.path}" must be a directory`)
    }
    await client.containers.extract(container, target.path, host.stdin, options, signal)
    return 0
  }
  const path = pathFrom(host, source)
  const local = await host.files.stat(path)
  if (stat !== undefined && !isDirectory(stat) && local.kind === 'directory')
    throw new ExitError(1, 'cannot copy directory')
  if (stat === undefined && target.path.endsWith('/') && local.kind !== 'directory') {
    throw new ExitError(1, `no such directory`)
  }
  const into = stat !== undefined && isDirectory(stat)
  const parent = into ? target.path : target.path.replace(/\/*[^/]*\/*$/, '') || '/'
  const name = into ? (contentsOnly(source) ? '.' : lastOf(path)) : lastOf(target.path)
  const packed = packFiles(host.files, path, name)
  await client.containers.extract(container, parent, packed.tar, options, signal)
  await told(invocation, packed.size(), `${container}:${target.path}`)
  return 0
}

/** Where the path leads in the container, through a link; nothing when it isn't there. */
async function containerStat(
  { client, signal }: Invocation,
  { container, path }: Place,
): Promise<PathStat | undefined> {
  try {
    const stat = await client.containers.statPath(container, path, signal)
    if (!isLink(stat)) return stat
    const followed = stat.linkTarget.startsWith('/')
      ? stat.linkTarget
      : `${path.replace(/[^/]*\/*$/, '')}${stat.linkTarget}`
    return await client.containers.statPath(container, followed, signal)
  } catch (error) {
    if (!isNotFound(error)) throw error
    // Of an unknown container nothing else will tell.
    await client.containers.inspect(container, signal)
    return undefined
  }
}

/** @throws ExitError in the words of docker/cli command.ValidateOutputPath */
async function checkFolder(invocation: Invocation, path: string): Promise<void> {
  const folder = path.replace(/\/+$/, '').replace(/\/[^/]*$/, '')
  if (folder === '' || (await statOrNothing(invocation, folder))) return
  throw new ExitError(1, `invalid output path: directory ${JSON.stringify(folder)} does not exist`)
}

async function statOrNothing({ host }: Invocation, path: string): Promise<FileStat | undefined> {
  try {
    return await host.files.stat(path)
  } catch (error) {
    if (error instanceof CliFileError && error.code === 'ENOENT') return undefined
    throw error
  }
}

async function told(
  { flags, host, err }: Invocation,
  bytes: number,
  target: string,
): Promise<void> {
  if (flags.bool('quiet') || !host.tty[1]) return
  await err.line(`Successfully copied ${humanSize(bytes)} to ${target}`)
}
