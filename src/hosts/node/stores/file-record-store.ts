import { createHash } from 'node:crypto'
import { mkdir, open, readFile, rename, rm, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { EngineError } from '../../../core/error.ts'
import type { RecordChange, RecordKind, RecordStore } from '../../../ports/record-store.ts'
import { diskError } from './disk-error.ts'

/** Below this many bytes a journal isn't worth being written anew. */
const COMPACT_FROM = 4 << 20

interface Waiting {
  readonly changes: readonly RecordChange[]
  readonly line: string
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/**
 * Records in memory, and a journal `records.journal` that makes them again: a line per commit, with a checksum, so that a
 * line that a crash tore counts for nothing. One process at a time.
 */
export class FileRecordStore implements RecordStore {
  readonly #folder: string
  /** JSON by kind and key: callers can't change what is stored. */
  readonly #records = new Map<RecordKind, Map<string, string>>()
  #journal: FileHandle | undefined
  #size = 0
  #live = 0
  #waiting: Waiting[] = []
  #writing: Promise<void> | undefined

  private constructor(folder: string) {
    this.#folder = folder
  }

  /** @throws EngineError `internal` when the journal is damaged otherwise than by a torn end */
  static async open(folder: string): Promise<FileRecordStore> {
    await mkdir(folder, { recursive: true, mode: 0o700 })
    const store = new FileRecordStore(folder)
    await rm(store.#nextPath, { force: true })
    const bytes = await readFile(store.#path).catch((error: unknown) => {
      if ((error as { code?: unknown }).code === 'ENOENT') return Buffer.alloc(0)
      throw error
    })
    store.#size = store.#replay(bytes)
    store.#journal = await open(store.#path, 'a', 0o600)
    try {
      await store.#journal.truncate(store.#size)
      await syncFolder(folder)
    } catch (error) {
      await store.#journal.close()
      throw error
    }
    return store
  }

  get #path(): string {
    return join(this.#folder, 'records.journal')
  }

  get #nextPath(): string {
    return join(this.#folder, 'records.journal.next')
  }

  /** @returns bytes of whole lines */
  #replay(bytes: Buffer): number {
    let at = 0
    while (at < bytes.length) {
      const end = bytes.indexOf(0x0a, at)
      const changes = end < 0 ? undefined : parseLine(bytes.toString('utf8', at, end))
      if (!changes) {
        // The end alone can be torn: every write is cut off or made whole before the next.
        if (end >= 0 && bytes.subarray(end + 1).includes(0x0a))
          throw new EngineError(
            'internal',
            `Cannot read records: ${this.#path} is damaged at byte ${at}`,
          )
        return at
      }
      this.#apply(changes)
      at = end + 1
    }
    return at
  }

  #apply(changes: readonly RecordChange[]): void {
    for (const change of changes) {
      const records = this.#records.get(change.kind) ?? new Map<string, string>()
      this.#records.set(change.kind, records)
      this.#live -= records.get(change.key)?.length ?? 0
      if ('delete' in change) {
        records.delete(change.key)
      } else {
        const json = JSON.stringify(change.value)
        records.set(change.key, json)
        this.#live += json.length
      }
    }
  }

  get(kind: RecordKind, key: string): Promise<unknown> {
    const json = this.#records.get(kind)?.get(key)
    return Promise.resolve(json === undefined ? undefined : JSON.parse(json))
  }

  list(kind: RecordKind): Promise<ReadonlyMap<string, unknown>> {
    const records = this.#records.get(kind) ?? []
    return Promise.resolve(
      new Map([...records].map(([key, json]) => [key, JSON.parse(json) as unknown])),
    )
  }

  /** Commits that come while one is being written share the next write. */
  commit(changes: readonly RecordChange[]): Promise<void> {
    if (changes.length === 0) return Promise.resolve()
    return new Promise((resolve, reject) => {
      // Made text now: what the caller does to the values later is no part of it.
      const line = toLine(changes)
      const copy = parseLine(line.slice(0, -1))
      if (!copy) throw new EngineError('internal', 'commit records: a value is not JSON')
      this.#waiting.push({ changes: copy, line, resolve, reject })
      this.#writing ??= this.#writeAll()
    })
  }

  async #writeAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting
      this.#waiting = []
      try {
        await this.#append(Buffer.from(batch.map(({ line }) => line).join('')))
        for (const { changes, resolve } of batch) {
          this.#apply(changes)
          resolve()
        }
      } catch (error) {
        for (const { reject } of batch) reject(diskError(error, 'commit records'))
      }
      // The commits are done; a failure here leaves the old journal, which is as good.
      if (this.#size > COMPACT_FROM && this.#size > 4 * this.#live)
        await this.#compact().catch(() => rm(this.#nextPath, { force: true }))
    }
    // With nothing between it and the look at `#waiting`: a commit in between would wait for ever.
    this.#writing = undefined
  }

  async #append(bytes: Buffer): Promise<void> {
    if (!this.#journal) throw new EngineError('unavailable', 'commit records: the store is closed')
    try {
      for (let at = 0; at < bytes.length;)
        at += (await this.#journal.write(bytes, at, bytes.length - at)).bytesWritten
      await this.#journal.datasync()
      this.#size += bytes.length
    } catch (error) {
      // Half a line must not stand in the way of the next.
      await this.#journal.truncate(this.#size).catch(async () => {
        await this.#journal?.close()
        this.#journal = undefined
      })
      throw error
    }
  }

  async #compact(): Promise<void> {
    const changes = [...this.#records].flatMap(([kind, records]) =>
      [...records].map(([key, json]): RecordChange => ({
        kind,
        key,
        value: JSON.parse(json) as unknown,
      })),
    )
    const bytes = Buffer.from(changes.map((change) => toLine([change])).join(''))
    const next = await open(this.#nextPath, 'wx', 0o600)
    try {
      await next.writeFile(bytes)
      await next.datasync()
      await rename(this.#nextPath, this.#path)
    } catch (error) {
      await next.close()
      throw error
    }
    await syncFolder(this.#folder)
    await this.#journal?.close()
    this.#journal = next
    this.#size = bytes.length
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writing
    await this.#journal?.close()
    this.#journal = undefined
  }
}

const checksum = (json: string): string =>
  createHash('sha256').update(json).digest('hex').slice(0, 16)

function toLine(changes: readonly RecordChange[]): string {
  const json = JSON.stringify(changes)
  return `${checksum(json)} ${json}\n`
}

function parseLine(line: string): readonly RecordChange[] | undefined {
  const json = line.slice(17)
  if (line[16] !== ' ' || line.slice(0, 16) !== checksum(json)) return undefined
  return JSON.parse(json) as readonly RecordChange[]
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}
