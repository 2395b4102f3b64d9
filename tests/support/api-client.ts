import { createApi } from '../../src/api/handler.ts'
import type { EngineHandler } from '../../src/core/engine-http.ts'
import { createEngine, type Engine } from '../../src/engine/engine.ts'
import type { EngineOptions } from '../../src/engine/context.ts'
import { nodeClock } from '../../src/hosts/node/clock.ts'
import { MemoryBlobStore } from '../../src/storage/memory-blob-store.ts'
import { MemoryLogStore } from '../../src/storage/memory-log-store.ts'
import { MemoryRecordStore } from '../../src/storage/memory-record-store.ts'
import { absentMachine } from './absent-machine.ts'
import { ImageRegistry } from './image-registry.ts'

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly text: string
  /** The body as JSON. */
  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- the test says what it expects
  json<T>(): T
  /** The body as JSON lines. */
  lines<T>(): T[]
}

export interface CallOptions {
  /** Bytes and text are sent as they are, all else as JSON. */
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal
}

/** `request('POST', '/images/create?fromImage=busybox')` */
export type Request = (method: string, path: string, options?: CallOptions) => Promise<Answer>

const requester = (handler: EngineHandler): Request => {
  let count = 0
  return async (method, path, options = {}) => {
    const { body } = options
    const sent =
      typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body)
    const response = await handler({
      method,
      path,
      headers: {
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...options.headers,
      },
      ...(body !== undefined && { body: new Blob([sent as BlobPart]).stream() }),
      signal: options.signal ?? new AbortController().signal,
      id: `test-${++count}`,
    })
    const answer = response.body ? await new Response(response.body).text() : ''
    return {
      status: response.status,
      headers: response.headers,
      text: answer,
      json: () => JSON.parse(answer) as never,
      lines: <T>() =>
        answer
          .split('\n')
          .filter((line) => line.trim())
          .map((line) => JSON.parse(line) as T),
    }
  }
}

export interface TestEngine extends AsyncDisposable {
  readonly engine: Engine
  readonly handler: EngineHandler
  readonly request: Request
  readonly options: EngineOptions
}

/** An engine over stores in memory; a second one over the same options is what a reload gives. */
export async function openEngine(options: Partial<EngineOptions> = {}): Promise<TestEngine> {
  const all: EngineOptions = {
    machine: absentMachine(),
    blobs: new MemoryBlobStore(),
    records: new MemoryRecordStore(),
    logs: new MemoryLogStore(),
    clock: nodeClock,
    registry: new ImageRegistry(),
    version: { version: '0.1.0', gitCommit: 'test', buildTime: '2026-01-01T00:00:00Z' },
    id: 'test',
    ...options,
  }
  const engine = await createEngine(all)
  const handler = createApi(engine)
  return {
    engine,
    handler,
    request: requester(handler),
    options: all,
    [Symbol.asyncDispose]: () => engine[Symbol.asyncDispose](),
  }
}
