import type { EventMessage, SystemVersion } from '../core/engine-api.ts'
import { filterText, type ApiClient, type Filters } from './api-client.ts'
import type { DiskUsage, Info, PruneReport } from './types.ts'

export class System {
  readonly #api: ApiClient

  constructor(api: ApiClient) {
    this.#api = api
  }

  version(signal?: AbortSignal): Promise<SystemVersion> {
    return this.#api.json('GET', '/version', { signal })
  }

  info(signal?: AbortSignal): Promise<Info> {
    return this.#api.json('GET', '/info', { signal })
  }

  diskUsage(signal?: AbortSignal): Promise<DiskUsage> {
    return this.#api.json('GET', '/system/df', { signal })
  }

  events(
    options: {
      readonly since?: string | undefined
      readonly until?: string | undefined
      readonly filters?: Filters
    },
    signal?: AbortSignal,
  ): Promise<ReadableStream<EventMessage>> {
    const { since, until, filters } = options
    return this.#api.values('GET', '/events', {
      query: { since, until, filters: filterText(filters) },
      signal,
    })
  }

  pruneBuildCache(filters: Filters, all: boolean, signal?: AbortSignal): Promise<PruneReport> {
    return this.#api.json('POST', '/build/prune', {
      query: { all, filters: filterText(filters) },
      signal,
    })
  }
}
