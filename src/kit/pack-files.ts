import { TarWriter, type TarMember } from '../codec/tar/write.ts'
import type { CliFiles, FileStat } from '../ports/cli-host.ts'

export interface Packed {
  readonly tar: ReadableStream<Uint8Array>
  /** Bytes so far. */
  readonly size: () => number
}

/** A file or a directory with all that is in it as a tar archive, read as it is sent. */
export function packFiles(files: CliFiles, path: string, name: string): Packed {
  return packed(async function* () {
    yield* member(files, path, name, await files.stat(path))
  })
}

/** Several files under names of their own; of a directory only itself. */
export function packEach(
  files: CliFiles,
  members: readonly { readonly from: string; readonly as: string; readonly stat: FileStat }[],
): Packed {
  return packed(async function* () {
    // Owned by root, as whoever has the files outside is nobody inside.
    for (const { from, as, stat } of members)
      yield* one(files, from, as, { ...stat, uid: 0, gid: 0 })
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
  stat: FileStat,
): AsyncGenerator<Uint8Array> {
  yield* one(files, from, as, stat)
  if (stat.kind !== 'directory') return
  for (const entry of await files.list(from)) {
    yield* member(files, `${from}/${entry.name}`, `${as}/${entry.name}`, entry)
  }
}

async function* one(
  files: CliFiles,
  from: string,
  as: string,
  stat: FileStat,
): AsyncGenerator<Uint8Array> {
  if (stat.kind === 'other') return
  const tar = new TarWriter()
  yield tar.header(memberOf(as, stat))
  if (stat.kind === 'file') {
    yield* content(files, from, stat.size)
    yield tar.padding(stat.size)
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
