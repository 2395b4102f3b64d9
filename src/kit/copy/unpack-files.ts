import { readTar } from '../../codec/tar/read.ts'
import type { LayerEntry } from '../../core/layer.ts'
import { CliFileError, type CliFiles } from '../../ports/cli-host.ts'
import { ExitError } from '../../kit/command.ts'

interface Writing {
  readonly entry: LayerEntry
  readonly writer: WritableStreamDefaultWriter<Uint8Array>
  readonly done: Promise<void>
}

/**
 * Write a container's archive to the user's files; its first name becomes `root`, or all of it goes there.
 * @returns bytes of the archive
 */
export async function unpackFiles(
  files: CliFiles,
  tar: ReadableStream<Uint8Array>,
  root: string,
  contentsOnly: boolean,
): Promise<number> {
  let size = 0
  let writing: Writing | undefined
  // A container is not trusted: nothing is written through a link that it sent.
  const links = new Set<string>()
  const directories: { readonly place: string; readonly entry: LayerEntry }[] = []
  const placeOf = ({ path }: LayerEntry): string => {
    const inside = contentsOnly ? path : path.split('/').slice(1).join('/')
    const place = inside === '' ? root : `${root}/${inside}`
    for (let at = place.lastIndexOf('/'); at > 0; at = place.lastIndexOf('/', at - 1)) {
      if (links.has(place.slice(0, at)))
        throw new ExitError(1, `${path} would be written through a link`)
    }
    return place
  }
  const begin = (entry: LayerEntry): Writing => {
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>()
    const done = replace(files, placeOf(entry), (path) =>
      files.write(path, readable, { mode: entry.mode & 0o777, exclusive: false }),
    )
    done.catch(() => undefined)
    return { entry, writer: writable.getWriter(), done }
  }
  const counted = tar.pipeThrough(
    new TransformStream<Uint8Array, Uint8Array>({
      transform: (bytes, controller) => {
        size += bytes.length
        controller.enqueue(bytes)
      },
    }),
  )
  const onContent = async (entry: LayerEntry, bytes: Uint8Array): Promise<void> => {
    if (writing?.entry.path !== entry.path) writing = begin(entry)
    await Promise.race([writing.writer.write(bytes.slice()), writing.done])
  }
  for await (const entry of readTar(counted, onContent)) {
    switch (entry.kind) {
      case 'file': {
        const file = writing ?? begin(entry)
        writing = undefined
        await Promise.race([file.writer.close(), file.done])
        await file.done
        await files.setAttributes(placeOf(entry), entry)
        break
      }
      case 'directory': {
        const place = placeOf(entry)
        // Its own mode comes last: what is in it must be written first.
        await makeDirectory(files, place, 0o700 | (entry.mode & 0o777))
        directories.push({ place, entry })
        break
      }
      case 'symlink': {
        const place = placeOf(entry)
        await replace(files, place, (path) => files.makeLink(path, entry.target ?? ''))
        links.add(place)
        await files.setAttributes(place, entry)
        break
      }
      case 'hardlink': {
        const place = placeOf(entry)
        const existing = placeOf({ ...entry, path: entry.target ?? '' })
        await replace(files, place, async (path) => {
          if (await isThere(files, path)) await files.remove(path)
          await files.makeHardLink(path, existing)
        })
        break
      }
      case 'character':
      case 'block':
      case 'fifo':
        throw new ExitError(1, `cannot copy ${entry.path}: a ${entry.kind} can't be made here`)
    }
  }
  for (const { place, entry } of directories.reverse()) await files.setAttributes(place, entry)
  return size
}

const isThere = (files: CliFiles, path: string): Promise<boolean> =>
  files.stat(path).then(
    () => true,
    () => false,
  )

async function makeDirectory(files: CliFiles, path: string, mode: number): Promise<void> {
  try {
    await files.makeDirectory(path, mode)
  } catch (error) {
    if (!(error instanceof CliFileError) || error.code !== 'EEXIST') throw error
    const { kind } = await files.stat(path)
    if (kind !== 'directory') throw error
  }
}

/** A link that stands there already would be followed. */
async function replace(
  files: CliFiles,
  path: string,
  write: (path: string) => Promise<void>,
): Promise<void> {
  const there = await files.stat(path).catch(() => undefined)
  if (there?.kind === 'symlink') await files.remove(path)
  await write(path)
}
