import type {
  ImageDeleteItem,
  ImageHistoryItem,
  ImageSummary,
  ProgressMessage,
} from '../core/engine-api.ts'
import { filterText, type ApiClient, type Filters, type Query } from './api-client.ts'
import type { PruneReport } from './types.ts'

/** A name may hold slashes, colons and an at, which Docker sends as they are. */
const at = (name: string, verb = ''): string =>
  `/images/${encodeURIComponent(name).replaceAll(/%(2F|3A|40)/g, decodeURIComponent)}${verb === '' ? '' : `/${verb}`}`

export class Images {
  readonly #api: ApiClient

  constructor(api: ApiClient) {
    this.#api = api
  }

  list(
    options: { readonly all?: boolean; readonly filters?: Filters } = {},
    signal?: AbortSignal,
  ): Promise<readonly ImageSummary[]> {
    const query = { all: options.all, filters: filterText(options.filters) }
    return this.#api.json('GET', '/images/json', { query, signal })
  }

  /** As the engine sent it. */
  inspectRaw(name: string, signal?: AbortSignal): Promise<unknown> {
    return this.#api.json('GET', at(name, 'json'), { signal })
  }

  history(name: string, signal?: AbortSignal): Promise<readonly ImageHistoryItem[]> {
    return this.#api.json('GET', at(name, 'history'), { signal })
  }

  /** Progress as it comes; a failure after the start is a message with `error`. */
  pull(
    image: {
      readonly fromImage: string
      readonly tag: string
      readonly platform?: string | undefined
    },
    signal?: AbortSignal,
  ): Promise<ReadableStream<ProgressMessage>> {
    const query = { fromImage: image.fromImage, tag: image.tag, platform: image.platform }
    return this.#api.values('POST', '/images/create', {
      query,
      headers: { 'x-registry-auth': 'e30=' },
      signal,
    })
  }

  push(name: string, tag: string, signal?: AbortSignal): Promise<ReadableStream<ProgressMessage>> {
    const headers = { 'x-registry-auth': 'e30=' }
    return this.#api.values('POST', at(name, 'push'), { query: { tag }, headers, signal })
  }

  import(
    query: Query,
    tar: ReadableStream<Uint8Array> | undefined,
    signal?: AbortSignal,
  ): Promise<ReadableStream<ProgressMessage>> {
    return this.#api.values('POST', '/images/create', {
      query,
      headers: { 'content-type': 'text/plain' },
      ...(tar && { body: tar }),
      signal,
    })
  }

  load(
    tar: ReadableStream<Uint8Array>,
    quiet: boolean,
    signal?: AbortSignal,
  ): Promise<ReadableStream<ProgressMessage>> {
    return this.#api.values('POST', '/images/load', {
      query: { quiet: quiet ? '1' : '0' },
      headers: { 'content-type': 'application/x-tar' },
      body: tar,
      signal,
    })
  }

  save(names: readonly string[], signal?: AbortSignal): Promise<ReadableStream<Uint8Array>> {
    return this.#api.stream('GET', '/images/get', { query: { names }, signal })
  }

  tag(
    name: string,
    target: { readonly repo: string; readonly tag: string },
    signal?: AbortSignal,
  ): Promise<void> {
    return this.#api.call('POST', at(name, 'tag'), { query: target, signal })
  }

  remove(
    name: string,
    options: { readonly force?: boolean; readonly noprune?: boolean } = {},
    signal?: AbortSignal,
  ): Promise<readonly ImageDeleteItem[]> {
    return this.#api.json('DELETE', at(name), { query: options, signal })
  }

  prune(filters: Filters, signal?: AbortSignal): Promise<PruneReport> {
    return this.#api.json('POST', '/images/prune', {
      query: { filters: filterText(filters) },
      signal,
    })
  }
}
