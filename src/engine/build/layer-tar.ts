import { TarWriter } from '../../codec/tar/write.ts'
import { readTar } from '../../codec/tar/read.ts'
import type { LayerEntry } from '../../core/layer.ts'
import type { TarMember } from '../../codec/tar/write.ts'
import type { PlannedMember } from './copy-plan.ts'
import { contentOf } from './node-content.ts'

/** Pieces are gathered up to this size: small ones would cost more than their bytes. */
const PIECE = 256 * 1024

/** Members of which none was changed after a moment. @param epoch seconds since 1970; undefined: they stay as they are */
export const withoutLaterTimes = (
  members: readonly PlannedMember[],
  epoch: number | undefined,
): readonly PlannedMember[] =>
  epoch === undefined
    ? members
    : members.map((planned) => ({
        ...planned,
        member: { ...planned.member, mtime: Math.min(planned.member.mtime, epoch) },
      }))

/** The tar of planned members. */
export function writeLayer(members: Iterable<PlannedMember>): ReadableStream<Uint8Array> {
  const writer = new TarWriter()
  const pieces = async function* (): AsyncGenerator<Uint8Array, void, undefined> {
    for (const { member, node, bytes } of members) {
      yield writer.header(member)
      if (bytes) yield bytes
      else if (node && member.kind === 'file') yield* contentOf(node)
      yield writer.padding(member.size)
    }
    yield writer.end()
  }
  return streamOf(gathered(pieces()))
}

/**
 * A layer's tar with other members: whoever is mapped to undefined goes, content included.
 * @param hold true for a member that comes only when something below it does
 */
export function rewriteLayer(
  tar: ReadableStream<Uint8Array>,
  map: (entry: LayerEntry) => TarMember | undefined,
  hold: (entry: LayerEntry) => boolean,
): ReadableStream<Uint8Array> {
  const writer = new TarWriter()
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>()
  const output = writable.getWriter()
  const run = async (): Promise<void> => {
    const held: { readonly entry: LayerEntry; readonly member: TarMember }[] = []
    let current: LayerEntry | undefined
    let taken = false
    const begin = async (entry: LayerEntry): Promise<void> => {
      current = entry
      const member = map(entry)
      taken = member !== undefined
      while (held.length > 0 && !isBelow(entry.path, held.at(-1)?.entry.path ?? '')) held.pop()
      if (!member) return
      if (hold(entry)) {
        held.push({ entry, member })
        return
      }
      for (const before of held.splice(0)) await output.write(writer.header(before.member))
      await output.write(writer.header(member))
    }
    for await (const entry of readTar(tar, async (of, bytes) => {
      if (current !== of) await begin(of)
      if (taken) await output.write(bytes.slice())
    })) {
      if (current !== entry) await begin(entry)
      if (taken && entry.size > 0) await output.write(writer.padding(entry.size))
    }
    await output.write(writer.end())
    await output.close()
  }
  run().catch((error: unknown) => output.abort(error).catch(() => undefined))
  return readable
}

const isBelow = (path: string, directory: string): boolean =>
  directory === '' || path.startsWith(`${directory}/`)

/** Small pieces joined. */
async function* gathered(
  pieces: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  let buffer = new Uint8Array(PIECE)
  let used = 0
  for await (const piece of pieces) {
    if (used + piece.length > PIECE) {
      if (used > 0) yield buffer.subarray(0, used)
      buffer = new Uint8Array(PIECE)
      used = 0
    }
    if (piece.length >= PIECE) yield piece
    else {
      buffer.set(piece, used)
      used += piece.length
    }
  }
  if (used > 0) yield buffer.subarray(0, used)
}

export function streamOf(chunks: AsyncGenerator<Uint8Array>): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>(
    {
      pull: async (controller) => {
        const { done, value } = await chunks.next()
        if (done) controller.close()
        else controller.enqueue(value)
      },
      cancel: async () => {
        await chunks.return(undefined)
      },
    },
    { highWaterMark: 0 },
  )
}
