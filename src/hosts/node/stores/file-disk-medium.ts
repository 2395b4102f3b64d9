import { closeSync, openSync, readSync, writeSync } from 'node:fs'
import { mkdir, open, readdir, unlink, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { EngineError } from '../../../core/error.ts'
import { DISK_BLOCK } from '../../../ports/disk-store.ts'
import { blockSum } from '../../../storage/disk/block-sum.ts'
import type {
  DiskMedium,
  DiskRecord,
  Place,
  PlacedRecord,
} from '../../../storage/disk/disk-medium.ts'
import { decodeHead, encodeHead, HEAD_MIN, headLength } from '../../../storage/disk/record-bytes.ts'
import { diskError } from './disk-error.ts'

/** Bytes from which on another file is begun. */
const SEGMENT = 16 << 20
/** Zeros written ahead of small commits: a sync of what is overwritten costs a tenth of one that makes a file longer. */
const AHEAD = Buffer.alloc(1 << 20)

/** Bytes of a small commit. */
const AT_ONCE = 1 << 16

const nameOf = (segment: number): string => `${String(segment).padStart(10, '0')}.segment`

interface Writer {
  readonly file: FileHandle
  readonly segment: number
  /** Of its commits. */
  size: number
  /** Of the file: zeros follow the commits. */
  allocated: number
}

/** Records one after the other in files of 16 MiB and more; a commit is one write and one fdatasync. */
export class FileDiskMedium implements DiskMedium {
  readonly recordBlocks = 4096
  /** Every file is long enough. */
  readonly smallBlocks = 0
  readonly #folder: string
  /** For reading: a guest that waits is answered at once, out of the host's page cache. */
  readonly #readers = new Map<number, number>()
  #writer: Writer | undefined
  #last = 0

  constructor(folder: string) {
    this.#folder = join(folder, 'disk')
  }

  async load(): Promise<readonly PlacedRecord[]> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 })
    const segments = (await readdir(this.#folder))
      .flatMap((name) => (/^\d{10}\.segment$/.test(name) ? [Number.parseInt(name, 10)] : []))
      .sort((one, other) => one - other)
    const found: PlacedRecord[] = []
    for (const segment of segments) {
      const last = segment === segments.at(-1)
      const { records, end } = await this.#scan(segment, last)
      found.push(...records)
      this.#last = segment
      if (last) this.#writer = await this.#openWriter(segment, end)
    }
    // The end of the last commit may be missing.
    let whole = found.length
    while (whole > 0 && (found[whole - 1]?.remaining ?? 0) > 0) whole--
    const torn = found[whole]
    if (torn && this.#writer) await this.#cutBack(torn)
    return found.slice(0, whole).sort((one, other) => one.sequence - other.sequence)
  }

  async #openWriter(segment: number, size: number): Promise<Writer> {
    const file = await open(this.#path(segment), 'r+')
    try {
      await file.truncate(size)
      await file.datasync()
    } catch (error) {
      await file.close()
      throw error
    }
    return { file, segment, size, allocated: size }
  }

  /** Nothing of a torn commit stays. A commit is in one file. */
  async #cutBack(torn: PlacedRecord): Promise<void> {
    const writer = this.#writer
    if (!writer) return
    writer.size = torn.position - encodeHead(torn).length
    await shorten(writer)
  }

  #path(segment: number): string {
    return join(this.#folder, nameOf(segment))
  }

  async #scan(
    segment: number,
    last: boolean,
  ): Promise<{ readonly records: PlacedRecord[]; readonly end: number }> {
    await using file = await open(this.#path(segment), 'r')
    const { size } = await file.stat()
    const bytes = async (position: number, length: number): Promise<Uint8Array> => {
      const buffer = Buffer.alloc(Math.max(0, Math.min(length, size - position)))
      for (let at = 0; at < buffer.length;) {
        const { bytesRead } = await file.read(buffer, at, buffer.length - at, position + at)
        if (bytesRead === 0) break
        at += bytesRead
      }
      return buffer
    }
    const records: PlacedRecord[] = []
    let at = 0
    while (at < size) {
      const length = headLength(await bytes(at, HEAD_MIN)) ?? 0
      const head =
        length > 0 && at + length <= size ? decodeHead(await bytes(at, length)) : undefined
      const data = (head?.blocks.length ?? 0) * DISK_BLOCK
      if (!head || at + length + data > size) break
      records.push({ ...head, segment, position: at + length })
      at += length + data
    }
    // All but the last commit were on the disk before the next was begun.
    if (!last) {
      if ((await bytes(at, size - at)).some((byte) => byte !== 0)) throw this.#damaged(segment, at)
      return { records, end: at }
    }
    // Any part of the last may be missing, whatever came after it.
    const begun =
      records.findLastIndex(
        ({ remaining }, place) => remaining === 0 && place < records.length - 1,
      ) + 1
    for (let place = begun; place < records.length; place++) {
      const record = records[place]
      if (!record || (await this.#isWhole(record, bytes))) continue
      at = record.position - encodeHead(record).length
      records.length = place
    }
    return { records, end: at }
  }

  async #isWhole(
    { position, sums }: PlacedRecord,
    bytes: (position: number, length: number) => Promise<Uint8Array>,
  ): Promise<boolean> {
    const data = await bytes(position, sums.length * DISK_BLOCK)
    return sums.every(
      (sum, at) => blockSum(data.subarray(at * DISK_BLOCK, (at + 1) * DISK_BLOCK)) === sum,
    )
  }

  #damaged(segment: number, at: number): EngineError {
    return new EngineError(
      'internal',
      `Cannot read the disk: ${this.#path(segment)} is damaged at byte ${at}`,
    )
  }

  async append(
    records: readonly DiskRecord[],
    data: readonly (readonly Uint8Array[])[],
  ): Promise<Place[]> {
    try {
      const writer = await this.#forWriting()
      const parts: Uint8Array[] = []
      const places: Place[] = []
      let { size } = writer
      records.forEach((record, at) => {
        const head = encodeHead(record)
        const blocks = data[at] ?? []
        places.push({ segment: writer.segment, position: size + head.length })
        parts.push(head, ...blocks)
        size += head.length + blocks.length * DISK_BLOCK
      })
      await this.#write(writer, parts, size)
      return places
    } catch (cause) {
      const error = diskError(cause, 'write to the disk')
      // A database in the guest must not be told of a fault that may pass: its request is held.
      throw error instanceof EngineError && error.code === 'internal'
        ? new EngineError('unavailable', error.message, { cause })
        : error
    }
  }

  async #write(writer: Writer, parts: readonly Uint8Array[], size: number): Promise<void> {
    const bytes = Buffer.concat(parts)
    try {
      // Into the host's page cache, sooner than another thread could be asked to; the sync is what takes time.
      if (bytes.length <= AT_ONCE) writeAllAtOnce(writer.file.fd, bytes, writer.size)
      else await writeAll(writer.file, bytes, writer.size)
      if (size > writer.allocated) {
        writer.allocated = size
        if (bytes.length < AHEAD.length / 4) await extend(writer)
      }
      await writer.file.datasync()
      writer.size = size
    } catch (error) {
      // Half a commit must not stand in the way of the next.
      await shorten(writer).catch(async () => {
        await writer.file.close()
        this.#writer = undefined
      })
      throw error
    }
  }

  async #forWriting(): Promise<Writer> {
    const writer = this.#writer
    if (writer && writer.size < SEGMENT) return writer
    const segment = this.#last + 1
    const file = await open(this.#path(segment), 'wx', 0o600)
    this.#last = segment
    this.#writer = { file, segment, size: 0, allocated: 0 }
    if (writer) await finish(writer)
    await using folder = await open(this.#folder, 'r')
    await folder.sync()
    return this.#writer
  }

  read(segment: number, position: number, length: number): Uint8Array | undefined {
    let reader = this.#readers.get(segment)
    if (reader === undefined) {
      reader = openSync(this.#path(segment), 'r')
      this.#readers.set(segment, reader)
    }
    const bytes = Buffer.allocUnsafe(length)
    let at = 0
    while (at < length) {
      const count = readSync(reader, bytes, at, length - at, position + at)
      if (count === 0) return undefined
      at += count
    }
    return bytes
  }

  isOpen(segment: number): boolean {
    return segment === this.#writer?.segment
  }

  async remove(segments: readonly number[]): Promise<void> {
    for (const segment of segments) {
      const reader = this.#readers.get(segment)
      if (reader !== undefined) closeSync(reader)
      this.#readers.delete(segment)
      await unlink(this.#path(segment))
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const reader of this.#readers.values()) closeSync(reader)
    this.#readers.clear()
    if (this.#writer) await finish(this.#writer)
    this.#writer = undefined
  }
}

async function writeAll(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let at = 0; at < bytes.length;)
    at += (await file.write(bytes, at, bytes.length - at, position + at)).bytesWritten
}

function writeAllAtOnce(file: number, bytes: Uint8Array, position: number): void {
  for (let at = 0; at < bytes.length;)
    at += writeSync(file, bytes, at, bytes.length - at, position + at)
}

async function extend(writer: Writer): Promise<void> {
  try {
    await writeAll(writer.file, AHEAD, writer.allocated)
    writer.allocated += AHEAD.length
  } catch {
    // Where there is no room for it, commits still have theirs.
    await writer.file.truncate(writer.allocated)
  }
}

/** Nothing follows the commits. */
async function shorten(writer: Writer): Promise<void> {
  await writer.file.truncate(writer.size)
  writer.allocated = writer.size
}

async function finish(writer: Writer): Promise<void> {
  try {
    await shorten(writer)
  } finally {
    await writer.file.close()
  }
}
