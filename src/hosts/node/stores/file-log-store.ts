import {
  closeSync,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  writeSync,
} from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { decodeName, encodeName } from '../../../codec/name-bytes.ts'
import { EngineError } from '../../../core/error.ts'
import type { LogEntry, LogStore } from '../../../ports/log-store.ts'
import { diskError } from './disk-error.ts'

/** Bytes kept of a container's log; Docker's json-file has no bound unless `max-size` is given. */
const BOUND = 20 << 20
const READ_PIECE = 256 << 10
/** Files held open; the least used are closed and opened again when needed. */
const OPEN_MAX = 64

interface OpenLog {
  readonly file: number
  size: number
}

/**
 * Logs as Docker's json-file driver has them, `logs/<container>/json.log`, and one older file `json.log.1`. What is
 * appended is with the kernel when `append` returns, so that the death of the process loses nothing.
 */
export class FileLogStore implements LogStore {
  readonly #folder: string
  readonly #fileMax: number
  readonly #open = new Map<string, OpenLog>()
  #failure: unknown

  /** @param bound bytes kept of each container's log; default 20 MiB */
  constructor(folder: string, bound: number = BOUND) {
    this.#folder = join(folder, 'logs')
    this.#fileMax = Math.max(1, Math.floor(bound / 2))
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 })
  }

  #path(container: string): string {
    if (!/^[\w.-]+$/.test(container) || /^\.+$/.test(container))
      throw new EngineError('invalid-parameter', `invalid log name ${JSON.stringify(container)}`)
    return join(this.#folder, container)
  }

  append(container: string, entries: readonly LogEntry[]): void {
    try {
      let log = this.#opened(container)
      if (log.size >= this.#fileMax) log = this.#rotate(container, log)
      const bytes = Buffer.from(entries.map(toLine).join(''))
      for (let at = 0; at < bytes.length;) at += writeSync(log.file, bytes, at)
      log.size += bytes.length
    } catch (error) {
      // The container must not stop for it; whoever flushes hears of it.
      this.#failure ??= error
      this.#close(container)
    }
  }

  #opened(container: string): OpenLog {
    const known = this.#open.get(container)
    if (known) {
      this.#open.delete(container)
      this.#open.set(container, known)
      return known
    }
    for (const oldest of this.#open.keys()) {
      if (this.#open.size < OPEN_MAX) break
      this.#close(oldest)
    }
    const folder = this.#path(container)
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    const file = openSync(join(folder, 'json.log'), 'a+', 0o600)
    const log = { file, size: fstatSync(file).size }
    // A line that a crash tore gets its end, or the next would be lost with it.
    const last = Buffer.alloc(1)
    if (log.size > 0 && readSync(file, last, 0, 1, log.size - 1) === 1 && last[0] !== 0x0a)
      log.size += writeSync(file, '\n')
    this.#open.set(container, log)
    return log
  }

  #rotate(container: string, log: OpenLog): OpenLog {
    closeSync(log.file)
    this.#open.delete(container)
    const path = join(this.#path(container), 'json.log')
    renameSync(path, `${path}.1`)
    return this.#opened(container)
  }

  #close(container: string): void {
    const log = this.#open.get(container)
    this.#open.delete(container)
    if (log) closeSync(log.file)
  }

  flush(): Promise<void> {
    try {
      for (const { file } of this.#open.values()) fsyncSync(file)
    } catch (error) {
      this.#failure ??= error
    }
    const failure = this.#failure
    this.#failure = undefined
    return failure === undefined
      ? Promise.resolve()
      : Promise.reject(diskError(failure, 'write log'))
  }

  async *read(container: string): AsyncGenerator<LogEntry> {
    const path = join(this.#path(container), 'json.log')
    // Both are opened first, so that a rotation meanwhile takes nothing away.
    const files = [`${path}.1`, path].flatMap((name) => {
      try {
        return [openSync(name, 'r')]
      } catch (error) {
        if ((error as { code?: unknown }).code === 'ENOENT') return []
        throw diskError(error, 'read log')
      }
    })
    try {
      for (const file of files) yield* linesOf(file)
    } finally {
      for (const file of files) closeSync(file)
    }
  }

  async delete(container: string): Promise<void> {
    this.#close(container)
    await rm(this.#path(container), { recursive: true, force: true })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.flush()
    } finally {
      for (const container of this.#open.keys()) this.#close(container)
    }
  }
}

function* linesOf(file: number): Generator<LogEntry> {
  const end = fstatSync(file).size
  let rest = Buffer.alloc(0)
  for (let at = 0; at < end;) {
    const piece = Buffer.allocUnsafe(Math.min(READ_PIECE, end - at))
    const count = readSync(file, piece, 0, piece.length, at)
    if (count === 0) break
    at += count
    const bytes = Buffer.concat([rest, piece.subarray(0, count)])
    const whole = bytes.lastIndexOf(0x0a) + 1
    for (const line of bytes.toString('utf8', 0, whole).split('\n')) {
      const entry = fromLine(line)
      if (entry) yield entry
    }
    rest = bytes.subarray(whole)
  }
}

/** Bytes that are no UTF-8 become lone surrogates, which JSON has as `\udc80`: nothing of the output is lost. */
const toLine = ({ stream, time, bytes }: LogEntry): string =>
  `${JSON.stringify({ log: decodeName(bytes), stream, time })}\n`

function fromLine(line: string): LogEntry | undefined {
  if (line === '') return undefined
  try {
    const { log, stream, time } = JSON.parse(line) as Record<string, unknown>
    if (typeof log !== 'string' || typeof time !== 'string') return undefined
    if (stream !== 'stdout' && stream !== 'stderr') return undefined
    return { stream, time, bytes: encodeName(log) }
  } catch {
    // Torn by a crash.
    return undefined
  }
}
