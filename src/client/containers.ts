import type { ContainerCreateRequest } from '../core/engine-api.ts'
import { filterText, type ApiClient, type Filters, type Hijacked } from './api-client.ts'
import type {
  ContainerCreated,
  ContainerInspect,
  ContainerSummary,
  PruneReport,
  Stats,
  TopResult,
  WaitResult,
} from './types.ts'

export interface ListOptions {
  readonly all?: boolean
  /** Newest only; 0 or less for no limit. */
  readonly limit?: number
  readonly size?: boolean
  readonly filters?: Filters
}

export interface LogOptions {
  readonly stdout: boolean
  readonly stderr: boolean
  readonly follow?: boolean
  readonly timestamps?: boolean
  readonly details?: boolean
  /** Seconds since 1970, with a fraction. */
  readonly since?: string
  readonly until?: string
  readonly tail?: string
}

export interface AttachOptions {
  readonly stdin: boolean
  readonly stdout: boolean
  readonly stderr: boolean
  readonly logs?: boolean
  readonly detachKeys?: string
}

export interface StopOptions {
  /** Seconds. */
  readonly timeout?: number
  readonly signal?: string
}

const at = (id: string, verb = ''): string =>
  `/containers/${encodeURIComponent(id)}${verb === '' ? '' : `/${verb}`}`

export class Containers {
  readonly #api: ApiClient

  constructor(api: ApiClient) {
    this.#api = api
  }

  create(
    request: ContainerCreateRequest,
    options: { readonly name?: string; readonly platform?: string } = {},
    signal?: AbortSignal,
  ): Promise<ContainerCreated> {
    return this.#api.json('POST', '/containers/create', { query: options, json: request, signal })
  }

  list(options: ListOptions = {}, signal?: AbortSignal): Promise<readonly ContainerSummary[]> {
    const { all, limit = 0, size, filters } = options
    const query = { all, size, limit: limit > 0 ? limit : undefined, filters: filterText(filters) }
    return this.#api.json('GET', '/containers/json', { query, signal })
  }

  inspect(id: string, signal?: AbortSignal): Promise<ContainerInspect> {
    return this.#api.json('GET', at(id, 'json'), { signal })
  }

  /** As the engine sent it. */
  inspectRaw(id: string, size: boolean, signal?: AbortSignal): Promise<unknown> {
    return this.#api.json('GET', at(id, 'json'), { query: { size }, signal })
  }

  start(
    id: string,
    options: { readonly detachKeys?: string } = {},
    signal?: AbortSignal,
  ): Promise<void> {
    return this.#api.call('POST', at(id, 'start'), { query: options, signal })
  }

  stop(
    id: string,
    { timeout, signal: name }: StopOptions = {},
    signal?: AbortSignal,
  ): Promise<void> {
    return this.#api.call('POST', at(id, 'stop'), { query: { t: timeout, signal: name }, signal })
  }

  restart(
    id: string,
    { timeout, signal: name }: StopOptions = {},
    signal?: AbortSignal,
  ): Promise<void> {
    return this.#api.call('POST', at(id, 'restart'), {
      query: { t: timeout, signal: name },
      signal,
    })
  }

  /** SIGKILL without a name. */
  kill(id: string, name: string | undefined, signal?: AbortSignal): Promise<void> {
    return this.#api.call('POST', at(id, 'kill'), { query: { signal: name }, signal })
  }

  pause(id: string, signal?: AbortSignal): Promise<void> {
    return this.#api.call('POST', at(id, 'pause'), { signal })
  }

  unpause(id: string, signal?: AbortSignal): Promise<void> {
    return this.#api.call('POST', at(id, 'unpause'), { signal })
  }

  rename(id: string, name: string, signal?: AbortSignal): Promise<void> {
    return this.#api.call('POST', at(id, 'rename'), { query: { name }, signal })
  }

  update(
    id: string,
    changes: object,
    signal?: AbortSignal,
  ): Promise<{ readonly Warnings?: readonly string[] | null }> {
    return this.#api.json('POST', at(id, 'update'), { json: changes, signal })
  }

  remove(
    id: string,
    options: { readonly force?: boolean; readonly v?: boolean; readonly link?: boolean } = {},
    signal?: AbortSignal,
  ): Promise<void> {
    return this.#api.call('DELETE', at(id), { query: options, signal })
  }

  /** Resolves when the engine watches; the promise within when the condition has come. */
  async wait(
    id: string,
    condition: 'not-running' | 'next-exit' | 'removed' | undefined,
    signal?: AbortSignal,
  ): Promise<{ readonly result: Promise<WaitResult> }> {
    const values = await this.#api.values<WaitResult>('POST', at(id, 'wait'), {
      query: { condition },
      signal,
    })
    const reader = values.getReader()
    const result = reader.read().then(({ done, value }) => {
      if (done) throw new Error('the engine ended before the container did')
      return value
    })
    // Who only starts detached never asks for it.
    result.catch(() => undefined)
    return { result }
  }

  attach(id: string, options: AttachOptions, signal?: AbortSignal): Promise<Hijacked> {
    return this.#api.hijack(at(id, 'attach'), {
      query: { stream: true, ...options },
      headers: { 'content-type': 'text/plain' },
      signal,
    })
  }

  logs(id: string, options: LogOptions, signal?: AbortSignal): Promise<ReadableStream<Uint8Array>> {
    return this.#api.stream('GET', at(id, 'logs'), { query: { ...options }, signal })
  }

  resize(
    id: string,
    size: { readonly rows: number; readonly cols: number },
    signal?: AbortSignal,
  ): Promise<void> {
    return this.#api.call('POST', at(id, 'resize'), {
      query: { h: size.rows, w: size.cols },
      signal,
    })
  }

  top(id: string, psArguments: readonly string[], signal?: AbortSignal): Promise<TopResult> {
    const query = { ps_args: psArguments.length > 0 ? psArguments.join(' ') : undefined }
    return this.#api.json('GET', at(id, 'top'), { query, signal })
  }

  stats(id: string, stream: boolean, signal?: AbortSignal): Promise<ReadableStream<Stats>> {
    return this.#api.values('GET', at(id, 'stats'), {
      query: { stream: stream ? '1' : '0' },
      signal,
    })
  }

  changes(
    id: string,
    signal?: AbortSignal,
  ): Promise<readonly { readonly Path: string; readonly Kind: 0 | 1 | 2 }[] | null> {
    return this.#api.json('GET', at(id, 'changes'), { signal })
  }

  export(id: string, signal?: AbortSignal): Promise<ReadableStream<Uint8Array>> {
    return this.#api.stream('GET', at(id, 'export'), { signal })
  }

  /** The archive's path and what stands there: base64 of JSON in the header. */
  async archive(
    id: string,
    path: string,
    signal?: AbortSignal,
  ): Promise<{ readonly stat: PathStat; readonly tar: ReadableStream<Uint8Array> }> {
    const { headers, body } = await this.#api.request('GET', at(id, 'archive'), {
      query: { path },
      signal,
    })
    return {
      stat: pathStat(headers),
      tar: body ?? new ReadableStream({ start: (control) => control.close() }),
    }
  }

  async statPath(id: string, path: string, signal?: AbortSignal): Promise<PathStat> {
    const { headers, body } = await this.#api.request('HEAD', at(id, 'archive'), {
      query: { path },
      signal,
    })
    await body?.cancel()
    return pathStat(headers)
  }

  extract(
    id: string,
    path: string,
    tar: ReadableStream<Uint8Array>,
    options: { readonly copyUIDGID?: boolean },
    signal?: AbortSignal,
  ): Promise<void> {
    return this.#api.call('PUT', at(id, 'archive'), {
      query: { path, noOverwriteDirNonDir: 'true', copyUIDGID: options.copyUIDGID },
      headers: { 'content-type': 'application/x-tar' },
      body: tar,
      signal,
    })
  }

  commit(
    query: Readonly<Record<string, string | boolean | readonly string[] | undefined>>,
    signal?: AbortSignal,
  ): Promise<{ readonly Id: string }> {
    return this.#api.json('POST', '/commit', { query, json: {}, signal })
  }

  prune(filters: Filters, signal?: AbortSignal): Promise<PruneReport> {
    return this.#api.json('POST', '/containers/prune', {
      query: { filters: filterText(filters) },
      signal,
    })
  }
}

export interface PathStat {
  readonly name: string
  readonly size: number
  /** Go's FileMode bits. */
  readonly mode: number
  readonly mtime: string
  readonly linkTarget: string
}

function pathStat(headers: Readonly<Record<string, string>>): PathStat {
  const text = headers['x-docker-container-path-stat'] ?? ''
  return JSON.parse(
    new TextDecoder().decode(Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0))),
  ) as PathStat
}
