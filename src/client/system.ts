import type { EventMessage, SystemVersion } from '../core/engine-api.ts'
import { filterText, type ApiClient, type Filters, type Query } from './api-client.ts'
import type { DiskUsage, Info, PruneReport } from './types.ts'

export interface EventOptions {
  readonly since?: string | undefined
  readonly until?: string | undefined
  readonly filters?: Filters
}

const eventQuery = ({ since, until, filters }: EventOptions): Query => ({
  since,
  until,
  filters: filterText(filters),
})

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

  events(options: EventOptions, signal?: AbortSignal): Promise<ReadableStream<EventMessage>> {
    return this.#api.values('GET', '/events', { query: eventQuery(options), signal })
  }

  /** Each event as it was sent: its nanoseconds are more than a number holds. */
  eventLines(options: EventOptions, signal?: AbortSignal): Promise<ReadableStream<string>> {
    return this.#api.lines('GET', '/events', { query: eventQuery(options), signal })
  }

  pruneBuildCache(filters: Filters, all: boolean, signal?: AbortSignal): Promise<PruneReport> {
    return this.#api.json('POST', '/build/prune', {
      query: { all, filters: filterText(filters) },
      signal,
    })
  }
}
