import { closeSync, openSync, readSync } from 'node:fs'
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

const nameOf = (segment: number): string => `${String(segment).padStart(10, '0')}.segment`

interface Writer {
  readonly file: FileHandle
  readonly segment: number
  size: number
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
    const file = await open(this.#path(segment), 'a', 0o600)
    await file.truncate(size)
    await file.datasync()
    return { file, segment, size }
  }

  /** Nothing of a torn commit stays. A commit is in one file. */
  async #cutBack(torn: PlacedRecord): Promise<void> {
    const writer = this.#writer
    if (!writer) return
    writer.size = torn.position - encodeHead(torn).length
    await writer.file.truncate(writer.size)
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
    if (at < size && !last) throw this.#damaged(segment, at)
    // All but the last commit were on the disk before the next was begun.
    if (!last) return { records, end: at }
    for (;;) {
      const record = records.at(-1)
      if (!record || (await this.#isWhole(record, bytes))) break
      at = record.position - encodeHead(record).length
      records.pop()
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
    } catch (error) {
      throw diskError(error, 'write to the disk')
    }
  }

  async #write(writer: Writer, parts: readonly Uint8Array[], size: number): Promise<void> {
    const bytes = Buffer.concat(parts)
    try {
      for (let at = 0; at < bytes.length;)
        at += (await writer.file.write(bytes, at, bytes.length - at)).bytesWritten
      await writer.file.datasync()
      writer.size = size
    } catch (error) {
      // Half a commit must not stand in the way of the next.
      await writer.file.truncate(writer.size).catch(async () => {
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
    const file = await open(this.#path(segment), 'ax', 0o600)
    this.#last = segment
    this.#writer = { file, segment, size: 0 }
    await writer?.file.close()
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
    await this.#writer?.file.close()
    this.#writer = undefined
  }
}
