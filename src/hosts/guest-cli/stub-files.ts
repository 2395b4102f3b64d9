import type { FileRequest } from '../../core/stub-protocol.ts'
import {
  CliFileError,
  type CliFiles,
  type FileAttributes,
  type FileEntry,
  type FileStat,
} from '../../ports/cli-host.ts'
import { broken, isObject } from './stub-frames.ts'
import { errnoWords } from '../../core/errno-words.ts'

type Send = (kind: 'file' | 'file-content', ...parts: readonly Uint8Array[]) => Promise<void>

/** Bytes of one file that are kept for a slow reader, about; then the stub has to wait. */
const HELD_MAX = 1024 * 1024
/** Largest piece of content that is sent at once, in bytes. */
const PIECE = 64 * 1024

interface Pending {
  readonly path: string
  readonly op: FileRequest['op']
  resolve(result: unknown): void
  reject(error: unknown): void
  data?(bytes: Uint8Array): Promise<void>
}

const encoder = new TextEncoder()

const actions: Readonly<Record<FileRequest['op'], string>> = {
  read: 'open',
  write: 'open',
  stat: 'lstat',
  list: 'open',
  'make-directory': 'mkdir',
  'make-link': 'symlink',
  'make-hard-link': 'link',
  'set-attributes': 'chmod',
  remove: 'remove',
  'remove-tree': 'remove',
  move: 'rename',
  replace: 'write',
}

type Operation = FileRequest extends infer Request
  ? Request extends unknown
    ? Omit<Request, 'id'>
    : never
  : never

/** The user's files by way of the stub. */
export class StubFiles implements CliFiles {
  readonly #send: Send
  readonly #pending = new Map<number, Pending>()
  #nextId = 1
  #gone: unknown

  constructor(send: Send) {
    this.#send = send
  }

  read(path: string): ReadableStream<Uint8Array> {
    let ready: (() => void) | undefined
    const queue: Uint8Array[] = []
    let held = 0
    let cancelled = false
    let wake: (() => void) | undefined
    let result: Promise<unknown> | undefined
    const state = { ended: false }
    const data = async (bytes: Uint8Array): Promise<void> => {
      if (cancelled || bytes.length === 0) return
      queue.push(bytes)
      held += bytes.length
      wake?.()
      if (held > HELD_MAX) await new Promise<void>((resolve) => (ready = resolve))
    }
    const begin = (): void => {
      result = this.#request({ op: 'read', path }, data).finally(() => {
        state.ended = true
        wake?.()
      })
      result.catch(() => undefined)
    }
    return new ReadableStream<Uint8Array>(
      {
        pull: async (controller) => {
          if (result === undefined) begin()
          while (queue.length === 0 && !state.ended)
            await new Promise<void>((resolve) => (wake = resolve))
          const bytes = queue.shift()
          if (bytes === undefined) {
            await result
            controller.close()
            return
          }
          held -= bytes.length
          if (held <= HELD_MAX) ready?.()
          controller.enqueue(bytes)
        },
        cancel: () => {
          cancelled = true
          queue.length = 0
          ready?.()
        },
      },
      { highWaterMark: 0 },
    )
  }

  async write(
    path: string,
    content: ReadableStream<Uint8Array>,
    { mode, exclusive }: { readonly mode: number; readonly exclusive: boolean },
  ): Promise<void> {
    let done = false
    const { id, result } = this.#begin({ op: 'write', path, mode, exclusive })
    const settled = result.finally(() => {
      done = true
    })
    settled.catch(() => undefined)
    const head = new Uint8Array(4)
    new DataView(head.buffer).setUint32(0, id, true)
    const reader = content.getReader()
    try {
      for (;;) {
        const { done: end, value } = await reader.read()
        // A file that couldn't be opened takes nothing.
        if (end || done) break
        for (let at = 0; at < value.length; at += PIECE) {
          await this.#send('file-content', head, value.subarray(at, at + PIECE))
        }
      }
    } finally {
      await this.#send('file-content', head)
      void reader.cancel().catch(() => undefined)
    }
    await settled
  }

  async stat(path: string): Promise<FileStat> {
    return fileStat(await this.#request({ op: 'stat', path }))
  }

  async list(path: string): Promise<readonly FileEntry[]> {
    const result = await this.#request({ op: 'list', path })
    if (!isObject(result) || !Array.isArray(result['entries']))
      throw broken('a list without entries')
    return result['entries'].map((entry: unknown): FileEntry => {
      if (!isObject(entry) || typeof entry['name'] !== 'string' || entry['name'].includes('/')) {
        throw broken('an entry without a name')
      }
      return { name: entry['name'], ...fileStat(entry) }
    })
  }

  async makeDirectory(path: string, mode: number): Promise<void> {
    await this.#request({ op: 'make-directory', path, mode })
  }

  async makeLink(path: string, target: string): Promise<void> {
    await this.#request({ op: 'make-link', path, target })
  }

  async makeHardLink(path: string, existing: string): Promise<void> {
    await this.#request({ op: 'make-hard-link', path, existing })
  }

  async setAttributes(path: string, attributes: FileAttributes): Promise<void> {
    const { mode, mtime } = attributes
    await this.#request({ op: 'set-attributes', path, mode, mtime })
  }

  async remove(path: string): Promise<void> {
    await this.#request({ op: 'remove', path })
  }

  /** With all that is in it. */
  async removeTree(path: string): Promise<void> {
    await this.#request({ op: 'remove-tree', path })
  }

  /** Fails with EEXIST when something is there. */
  async move(path: string, to: string): Promise<void> {
    await this.#request({ op: 'move', path, to })
  }

  /** Put a file into another one's place in one step, with the owner and mode of that one. Durable. */
  async replace(path: string, to: string): Promise<void> {
    await this.#request({ op: 'replace', path, to })
  }

  /** A `reply` frame. An unknown id is one that nobody waits for any more. */
  reply(frame: Readonly<Record<string, unknown>>): void {
    const { id, result, error } = frame
    if (typeof id !== 'number') throw broken('a reply without an id')
    const pending = this.#pending.get(id)
    if (pending === undefined) return
    this.#pending.delete(id)
    if (!isObject(error)) {
      pending.resolve(result)
      return
    }
    const code = typeof error['code'] === 'string' ? error['code'] : 'EIO'
    const reason = errnoWords[code] ?? String(error['message'])
    pending.reject(new CliFileError(code, `${actions[pending.op]} ${pending.path}: ${reason}`))
  }

  /** A `file-data` frame; resolves when there is room for the next. */
  async data(payload: Uint8Array): Promise<void> {
    if (payload.length < 4) throw broken('file data without an id')
    const id = new DataView(payload.buffer, payload.byteOffset).getUint32(0, true)
    await this.#pending.get(id)?.data?.(payload.subarray(4))
  }

  /** The stub has gone: nothing will be answered. */
  end(reason: unknown): void {
    this.#gone = reason
    for (const pending of this.#pending.values()) pending.reject(reason)
    this.#pending.clear()
  }

  async #request(operation: Operation, data?: Pending['data']): Promise<unknown> {
    return this.#begin(operation, data).result
  }

  #begin(operation: Operation, data?: Pending['data']): { id: number; result: Promise<unknown> } {
    const id = this.#nextId++
    const result = new Promise<unknown>((resolve, reject) => {
      if (this.#gone !== undefined) {
        reject(this.#gone)
        return
      }
      const { path, op } = operation
      this.#pending.set(id, { path, op, resolve, reject, ...(data && { data }) })
      this.#send('file', encoder.encode(JSON.stringify({ id, ...operation }))).catch(reject)
    })
    return { id, result }
  }
}

const fileKinds: readonly FileStat['kind'][] = ['file', 'directory', 'symlink', 'other']

function fileStat(value: unknown): FileStat {
  if (!isObject(value)) throw broken('a file without facts')
  const kind = fileKinds.find((name) => name === value['kind'])
  const number = (name: string): number => {
    const field = value[name]
    if (typeof field !== 'number' || !Number.isFinite(field)) throw broken(`a file without ${name}`)
    return field
  }
  if (kind === undefined) throw broken('a file of no kind')
  const facts = {
    kind,
    mode: number('mode') & 0o7777,
    uid: number('uid'),
    gid: number('gid'),
    size: number('size'),
    mtime: number('mtime'),
  }
  return typeof value['target'] === 'string' ? { ...facts, target: value['target'] } : facts
}
