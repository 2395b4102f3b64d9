import { TarWriter, type TarMember } from '../../codec/tar/write.ts'
import type { CliFiles, FileStat } from '../../ports/cli-host.ts'

/** A file or a directory with all that is in it as a tar archive, read as it is sent. */
export function packFiles(
  files: CliFiles,
  path: string,
  name: string,
): { readonly tar: ReadableStream<Uint8Array>; size(): number } {
  let size = 0
  const pieces = members(files, path, name)
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

async function* members(files: CliFiles, path: string, name: string): AsyncGenerator<Uint8Array> {
  const tar = new TarWriter()
  async function* add(from: string, as: string, stat: FileStat): AsyncGenerator<Uint8Array> {
    if (stat.kind === 'other') return
    yield tar.header(memberOf(as, stat))
    if (stat.kind === 'file') {
      yield* content(files, from, stat.size)
      yield tar.padding(stat.size)
    }
    if (stat.kind !== 'directory') return
    for (const entry of await files.list(from))
      yield* add(`${from}/${entry.name}`, `${as}/${entry.name}`, entry)
  }
  yield* add(path, name, await files.stat(path))
  yield tar.end()
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
  for await (const bytes of files.read(path)) {
    if (left === 0) break
    const piece = bytes.subarray(0, left)
    left -= piece.length
    yield piece
  }
  while (left > 0) {
    const zeros = new Uint8Array(Math.min(left, 65_536))
    left -= zeros.length
    yield zeros
  }
}
