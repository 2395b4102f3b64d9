import { frameKind, encodeExport, EXPORT_FORMAT, type Frame } from '../../codec/export-file.ts'
import { joinBytes } from '../../codec/join-bytes.ts'
import type { Digest } from '../../core/digest.ts'
import { EngineError } from '../../core/error.ts'
import type { BlobStore } from '../../ports/blob-store.ts'
import type { DiskSnapshot, SnapshotDisk } from '../../ports/disk-store.ts'
import type { LogEntry, LogStore } from '../../ports/log-store.ts'
import type { RecordStore } from '../../ports/record-store.ts'
import { STORE_SCHEMA } from '../schema.ts'
import { recordKinds, type ExportHead, type StoredRecord } from './contents.ts'

/** What a playground is made of. */
export interface ExportSource {
  readonly blobs: BlobStore
  readonly records: RecordStore
  readonly logs: LogStore
  readonly disk: SnapshotDisk
  /** What Linux has not written to the disk yet is there afterwards. */
  readonly sync: () => Promise<void>
}

export interface ExportOptions {
  /** Told of bytes as they are read. */
  readonly onProgress?: (doneBytes: number, totalBytes: number) => void
  readonly signal?: AbortSignal
}

/** Bytes of blobs and of JSON that one frame has, about. */
const PIECE = 1 << 20
/** Attempts to find a moment at which records and disk agree. */
const ATTEMPTS = 20

interface Point {
  readonly records: readonly StoredRecord[]
  readonly disk: DiskSnapshot
}

/**
 * A playground as the bytes of one file, while it goes on: what is written after the beginning is not in it.
 * @throws EngineError `conflict` when an image is removed meanwhile; the signal's reason
 */
export async function* exportPlayground(
  source: ExportSource,
  options: ExportOptions = {},
): AsyncGenerator<Uint8Array, void, void> {
  const { records, disk } = await findPoint(source)
  using _ = disk
  yield* encodeExport(framesOf(source, { records, disk }, options))
}

/** Records and the disk have no common commit: a moment at which no container or volume came or went between the two. */
async function findPoint({ records, disk, sync }: ExportSource): Promise<Point> {
  const owners = (list: readonly StoredRecord[]): string =>
    JSON.stringify(
      list.flatMap(([kind, key]) => (kind === 'container' || kind === 'volume' ? [key] : [])),
    )
  await sync()
  for (let attempt = 1; ; attempt++) {
    const before = owners(await readRecords(records))
    const snapshot = await disk.snapshot()
    const list = await readRecords(records)
    if (owners(list) === before || attempt === ATTEMPTS) return { records: list, disk: snapshot }
    snapshot[Symbol.dispose]()
    await sync()
  }
}

async function readRecords(records: RecordStore): Promise<StoredRecord[]> {
  const all: StoredRecord[] = []
  for (const kind of recordKinds)
    for (const [key, value] of await records.list(kind)) all.push([kind, key, value])
  return all
}

async function* framesOf(
  { blobs, logs }: ExportSource,
  { records, disk }: Point,
  { onProgress, signal }: ExportOptions,
): AsyncGenerator<Frame> {
  const wanted = await blobsOf(records, blobs)
  const total = disk.used + [...wanted.values()].reduce((sum, size) => sum + size, 0)
  let done = 0
  const count = (bytes: number): void => {
    signal?.throwIfAborted()
    done += bytes
    onProgress?.(done, total)
  }
  const head: ExportHead = {
    format: EXPORT_FORMAT,
    schema: STORE_SCHEMA,
    diskSize: disk.size,
    bytes: total,
  }
  yield json(frameKind.head, head)
  yield* batches(records, (list) => json(frameKind.records, list))
  for (const [digest, size] of wanted) {
    yield json(frameKind.blob, { digest, size })
    for await (const payload of bytesOf(blobs, digest, size)) {
      count(payload.length)
      yield { kind: frameKind.data, payload }
    }
  }
  for (const [kind, container] of records) {
    if (kind !== 'container') continue
    const entries = async function* (): AsyncGenerator {
      for await (const entry of logs.read(container)) yield textOf(entry)
    }
    yield* batches(entries(), (list) => json(frameKind.log, { container, entries: list }))
  }
  for await (const { first, bytes } of disk.runs()) {
    count(bytes.length)
    const number = new Uint8Array(4)
    new DataView(number.buffer).setUint32(0, first, true)
    yield { kind: frameKind.blocks, payload: joinBytes([number, bytes]) }
  }
}

/** Blobs that a record names; what else is there belongs to a pull under way. */
async function blobsOf(
  records: readonly StoredRecord[],
  blobs: BlobStore,
): Promise<ReadonlyMap<Digest, number>> {
  const named = new Set<string>()
  for (const [kind, key, value] of records) {
    if (kind !== 'image' && kind !== 'layer') continue
    named.add(key)
    const { index } = value as { readonly index?: unknown }
    if (typeof index === 'string') named.add(index)
  }
  const found = new Map<Digest, number>()
  for await (const { digest, size } of blobs.list()) if (named.has(digest)) found.set(digest, size)
  return found
}

async function* bytesOf(
  blobs: BlobStore,
  digest: Digest,
  size: number,
): AsyncGenerator<Uint8Array> {
  try {
    await using reader = await blobs.open(digest)
    for (let at = 0; at < size; at += PIECE) {
      const piece = await reader.read(at, Math.min(PIECE, size - at))
      if (piece.length === 0) throw new EngineError('not-found', 'the blob was cut short')
      yield piece
    }
  } catch (cause) {
    if (!(cause instanceof EngineError)) throw cause
    throw new EngineError(
      'conflict',
      'An image was removed while the playground was exported. Export it again.',
      { cause },
    )
  }
}

/** Bytes of a log are any: base64. */
const textOf = ({ stream, time, bytes }: LogEntry): readonly [string, string, string] => {
  let text = ''
  for (let at = 0; at < bytes.length; at += 8192)
    text += String.fromCharCode(...bytes.subarray(at, at + 8192))
  return [stream, time, btoa(text)]
}

const json = (kind: number, value: unknown): Frame => ({
  kind,
  payload: new TextEncoder().encode(JSON.stringify(value)),
})

/** A few at a time: about PIECE characters of JSON. */
async function* batches<Item>(
  items: Iterable<Item> | AsyncIterable<Item>,
  toFrame: (list: readonly Item[]) => Frame,
): AsyncGenerator<Frame> {
  let list: Item[] = []
  let size = 0
  for await (const item of items) {
    list.push(item)
    size += JSON.stringify(item).length
    if (size < PIECE) continue
    yield toFrame(list)
    list = []
    size = 0
  }
  if (list.length > 0) yield toFrame(list)
}
