import { TarWriter, type TarMember } from '../codec/tar/write.ts'
import type { CliFiles, FileEntry, FileStat } from '../ports/cli-host.ts'

export interface Packed {
  readonly tar: ReadableStream<Uint8Array>
  /** Bytes so far. */
  readonly size: () => number
}

/** A file or a directory with all that is in it as a tar archive, read as it is sent. */
export function packFiles(files: CliFiles, path: string, name: string): Packed {
  return packed(async function* () {
    yield* member(files, path, name, await files.stat(path), {})
  })
}

export interface ContextOptions {
  /** Leaves a file out; of a directory also what is in it, unless `enters` wants to look. */
  readonly ignores: (path: string) => boolean
  readonly enters: (path: string) => boolean
  /** Files besides, by their names. */
  readonly extra: Readonly<Record<string, Uint8Array>>
}

/** What is in a directory, as root's: the context of a build. */
export function packContext(
  files: CliFiles,
  directory: string | undefined,
  options: ContextOptions,
): Packed {
  return packed(async function* () {
    const tar = new TarWriter()
    if (directory !== undefined) {
      for (const entry of await files.list(directory)) {
        yield* member(files, `${directory}/${entry.name}`, entry.name, entry, options)
      }
    }
    for (const [path, bytes] of Object.entries(options.extra)) {
      const facts = {
        kind: 'file',
        mode: 0o600,
        uid: 0,
        gid: 0,
        mtime: 0,
        size: bytes.length,
      } as const
      yield tar.header({ path, ...facts })
      yield bytes
      yield tar.padding(bytes.length)
    }
  })
}

function packed(members: () => AsyncGenerator<Uint8Array>): Packed {
  let size = 0
  const pieces = (async function* () {
    yield* members()
    yield new TarWriter().end()
  })()
  const tar = new ReadableStream<Uint8Array>(
    {
      pull: async (controller) => {
        const { done, value } = await pieces.next()
        if (done === true) {
          controller.close()
          return
        }
        size += value.length
        controller.enqueue(value)
      },
      cancel: async () => void (await pieces.return(undefined)),
    },
    { highWaterMark: 0 },
  )
  return { tar, size: () => size }
}

/** A file, or a directory and what is in it. */
async function* member(
  files: CliFiles,
  from: string,
  as: string,
  stat: FileStat | FileEntry,
  options: Partial<ContextOptions>,
): AsyncGenerator<Uint8Array> {
  const { ignores, enters } = options
  const ignored = ignores?.(as) === true
  const isDirectory = stat.kind === 'directory'
  // Sockets and devices are no part of an archive.
  if (stat.kind === 'other' || (ignored && !(isDirectory && enters?.(as) === true))) return
  const tar = new TarWriter()
  if (!ignored) {
    const facts = memberOf(as, stat)
    yield tar.header(ignores ? { ...facts, uid: 0, gid: 0, mtime: Math.floor(facts.mtime) } : facts)
  }
  if (stat.kind === 'file') {
    yield* content(files, from, stat.size)
    yield tar.padding(stat.size)
  }
  if (!isDirectory) return
  for (const entry of await files.list(from)) {
    yield* member(files, `${from}/${entry.name}`, `${as}/${entry.name}`, entry, options)
  }
}

function memberOf(
  path: string,
  { kind, mode, uid, gid, size, mtime, target }: FileStat,
): TarMember {
  return {
    path,
    kind: kind === 'other' ? 'file' : kind,
    mode,
    uid,
    gid,
    mtime,
    size: kind === 'file' ? size : 0,
    ...(target !== undefined && { target }),
  }
}

/** Exactly the size that the header told, though the file may grow or shrink meanwhile. */
async function* content(files: CliFiles, path: string, size: number): AsyncGenerator<Uint8Array> {
  let left = size
  if (size > 0) {
    for await (const bytes of files.read(path)) {
      const piece = bytes.subarray(0, left)
      left -= piece.length
      yield piece
      if (left === 0) break
    }
  }
  while (left > 0) {
    const zeros = new Uint8Array(Math.min(left, 65_536))
    left -= zeros.length
    yield zeros
  }
}
