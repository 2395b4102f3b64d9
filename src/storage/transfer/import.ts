import { damaged, decodeExport, frameKind, type Frame } from '../../codec/export-file.ts'
import { isDigest } from '../../core/digest.ts'
import { EngineError } from '../../core/error.ts'
import type { BlobStore } from '../../ports/blob-store.ts'
import { DISK_BLOCK, type DiskStore } from '../../ports/disk-store.ts'
import type { LogEntry, LogStore } from '../../ports/log-store.ts'
import type { RecordChange, RecordStore } from '../../ports/record-store.ts'
import { parseHead, recordKinds, type ExportHead } from './contents.ts'

/** Stores with nothing in them, which count for nothing until the import is whole. */
export interface ImportTarget {
  readonly blobs: BlobStore
  readonly records: RecordStore
  readonly logs: LogStore
  readonly disk: DiskStore
}

export interface ImportOptions {
  /** Told of bytes of blobs and blocks as they are stored. */
  readonly onProgress?: (doneBytes: number, totalBytes: number) => void
  readonly signal?: AbortSignal
}

/**
 * Put an export into new stores. When it resolves, the whole file was read, its checksum was right, and all of it is stored.
 * @param open makes the stores, with a disk of so many bytes
 * @throws EngineError `invalid-parameter` with a sentence about the file, `unavailable` when there is no room
 */
export async function importPlayground<Target extends ImportTarget>(
  source: AsyncIterable<Uint8Array>,
  open: (head: ExportHead) => Promise<Target>,
  { onProgress, signal }: ImportOptions = {},
): Promise<Target> {
  const frames = decodeExport(source)[Symbol.asyncIterator]()
  const first = await frames.next()
  const head = parseHead(first.done ? undefined : jsonOf(first.value))
  const target = await open(head)
  let done = 0
  const count = (bytes: number): void => {
    signal?.throwIfAborted()
    done += bytes
    onProgress?.(done, head.bytes)
  }
  try {
    for (let frame = await frames.next(); !frame.done;) {
      if (frame.value.kind === frameKind.blob) {
        const blob = jsonOf(frame.value) as { readonly digest: unknown; readonly size: unknown }
        frame = await storeBlob(target.blobs, blob, frames, count)
        continue
      }
      await store(target, frame.value, head, count)
      frame = await frames.next()
    }
    await target.logs.flush()
    await target.disk.flush()
    return target
  } finally {
    await frames.return?.()
  }
}

async function store(
  { records, logs, disk }: ImportTarget,
  frame: Frame,
  { diskSize }: ExportHead,
  count: (bytes: number) => void,
): Promise<void> {
  switch (frame.kind) {
    case frameKind.records:
      await records.commit(changesOf(jsonOf(frame)))
      return
    case frameKind.log: {
      const { container, entries } = jsonOf(frame) as { container: unknown; entries: unknown }
      if (typeof container !== 'string' || !Array.isArray(entries)) throw damaged()
      logs.append(container, entries.map(entryOf))
      // Bounded: what was appended is stored before the next.
      await logs.flush()
      return
    }
    case frameKind.blocks: {
      const { payload } = frame
      if (payload.length < 4 || payload.length % DISK_BLOCK !== 4) throw damaged()
      const offset = new DataView(payload.buffer, payload.byteOffset).getUint32(0, true)
      const bytes = payload.slice(4)
      if (offset * DISK_BLOCK + bytes.length > diskSize) throw damaged()
      await disk.write(offset * DISK_BLOCK, bytes)
      count(bytes.length)
      return
    }
    default:
      throw damaged()
  }
}

/** @returns the frame after its last one */
async function storeBlob(
  blobs: BlobStore,
  { digest, size }: { readonly digest: unknown; readonly size: unknown },
  frames: AsyncIterator<Frame, void>,
  count: (bytes: number) => void,
): Promise<IteratorResult<Frame, void>> {
  if (typeof digest !== 'string' || !isDigest(digest) || typeof size !== 'number') throw damaged()
  const read = async function* (): AsyncGenerator<Uint8Array> {
    for (let left = size; left > 0;) {
      const frame = await frames.next()
      if (frame.done || frame.value.kind !== frameKind.data) throw damaged()
      const { payload } = frame.value
      left -= payload.length
      if (payload.length === 0 || left < 0) throw damaged()
      count(payload.length)
      yield payload
    }
  }
  await blobs.write(read(), { digest }).catch((error: unknown) => {
    // The store's own word for a digest that is another one; what the file's reader says is better.
    const isStores = error instanceof EngineError && error.message.startsWith('unexpected commit')
    throw isStores ? damaged() : error
  })
  return frames.next()
}

function jsonOf({ payload }: Frame): unknown {
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload))
    if (typeof value === 'object' && value !== null) return value
  } catch {
    // Told below.
  }
  throw damaged()
}

function changesOf(value: unknown): RecordChange[] {
  if (!Array.isArray(value)) throw damaged()
  return value.map((item: unknown): RecordChange => {
    const [name, key, stored] = (Array.isArray(item) ? item : []) as unknown[]
    const kind = recordKinds.find((known) => known === name)
    if (kind === undefined || typeof key !== 'string') throw damaged()
    return { kind, key, value: stored }
  })
}

function entryOf(item: unknown): LogEntry {
  const [stream, time, text] = (Array.isArray(item) ? item : []) as unknown[]
  if ((stream !== 'stdout' && stream !== 'stderr') || typeof time !== 'string') throw damaged()
  if (typeof text !== 'string' || !/^[\w+/]*={0,2}$/.test(text)) throw damaged()
  return { stream, time, bytes: Uint8Array.from(atob(text), (char) => char.charCodeAt(0)) }
}
