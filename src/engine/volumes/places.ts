import { TarWriter } from '../../codec/tar/write.ts'
import { EngineError } from '../../core/error.ts'
import type { MachineFiles } from '../../ports/machine/files.ts'
import type { Context } from '../context.ts'
import type { MountPoint } from './mount-point.ts'

/** Guest's own, wherever the client is: tools take the engine's socket with them. */
const SOCKET = /^(\/var)?\/run\/docker\.sock$/

/**
 * Where the machine has the source of a bind mount.
 * @param create directories that are missing are made
 * @throws EngineError `not-found` when nothing is there; `invalid-parameter` when it is not to be had
 */
export async function locate(
  { machine, directories, hostPaths = 'guest' }: Context,
  source: string,
  create: boolean,
): Promise<string> {
  if (hostPaths === 'client' && !SOCKET.test(source)) {
    if (!directories)
      throw new EngineError(
        'invalid-parameter',
        `Mounts denied: the path ${source} is not shared with Drydock.`,
      )
    return directories.locate(source, { create })
  }
  // The root that they are in must be there, too.
  if (!(await isThere(machine.files, source))) {
    if (!create) throw new EngineError('not-found', `no such file: ${source}`)
    await makeDirectories(machine.files, source)
  }
  return machine.places.host(source)
}

const absent = (source: string, cause: unknown): EngineError =>
  new EngineError(
    'invalid-parameter',
    `invalid mount config for type "bind": bind source path does not exist: ${source}`,
    { cause },
  )

/**
 * When a container is created: what is to be made is made at its start.
 * @throws EngineError `invalid-parameter`
 */
export async function checkWish(context: Context, mount: MountPoint): Promise<void> {
  try {
    await locate(context, mount.source, false)
  } catch (error) {
    if (!(error instanceof EngineError) || error.code !== 'not-found') throw error
    if (!mount.create) throw absent(mount.source, error)
  }
}

/** When it starts. @throws EngineError `invalid-parameter` */
export async function placeBind(context: Context, mount: MountPoint): Promise<MountPoint> {
  try {
    return { ...mount, place: await locate(context, mount.source, mount.create ?? false) }
  } catch (error) {
    if (!(error instanceof EngineError) || error.code !== 'not-found') throw error
    throw absent(mount.source, error)
  }
}

async function isThere(files: MachineFiles, path: string): Promise<boolean> {
  try {
    await files.stat({ host: true }, path)
    return true
  } catch (error) {
    if (error instanceof EngineError && error.code === 'not-found') return false
    throw error
  }
}

async function makeDirectories(files: MachineFiles, path: string): Promise<void> {
  const parts = path.split('/').filter((part) => part !== '')
  let known = 0
  while (known < parts.length && (await isThere(files, `/${parts.slice(0, known + 1).join('/')}`)))
    known++
  const writer = new TarWriter()
  const headers = parts.slice(known).map((_, at) =>
    writer.header({
      kind: 'directory',
      path: parts.slice(known, known + at + 1).join('/'),
      mode: 0o755,
      uid: 0,
      gid: 0,
      mtime: 0,
      size: 0,
    }),
  )
  const tar = new ReadableStream<Uint8Array>({
    start: (controller) => {
      for (const header of headers) controller.enqueue(header)
      controller.enqueue(writer.end())
      controller.close()
    },
  })
  await files.write({ host: true }, `/${parts.slice(0, known).join('/')}`, tar)
}
