import { TRACE_HEADER, TRACE_ID, type BuildTrace } from '../core/build-trace.ts'
import type { ContextListing, ContextOffer } from '../core/context-listing.ts'
import type { ProgressMessage } from '../core/engine-api.ts'
import { filterText, type ApiClient, type Filters, type Query } from './api-client.ts'
import { ClientError } from './client-error.ts'

/** What a build's stream may hold: Docker's own messages, and Drydock's trace of it. */
export type BuildMessage = ProgressMessage | { readonly id: string; readonly aux: BuildTrace }

/** The trace that a message carries; undefined for Docker's own. */
export const traceOf = (message: BuildMessage): BuildTrace | undefined =>
  message.id === TRACE_ID && message.aux !== undefined ? (message.aux as BuildTrace) : undefined

export interface CachePruneReport {
  readonly CachesDeleted?: readonly string[] | null
  readonly SpaceReclaimed?: number
}

export class Builds {
  readonly #api: ApiClient

  constructor(api: ApiClient) {
    this.#api = api
  }

  /** Any engine understands this; one of Drydock's adds a trace. */
  build(
    query: Query,
    context: ReadableStream<Uint8Array>,
    signal?: AbortSignal,
  ): Promise<ReadableStream<BuildMessage>> {
    return this.#api.values('POST', '/build', {
      query,
      headers: {
        'content-type': 'application/x-tar',
        'x-registry-config': 'e30=',
        [TRACE_HEADER]: '1',
      },
      body: context,
      signal,
    })
  }

  /** What of a context is to be sent; undefined from an engine that wants all of it. */
  async offer(listing: ContextListing, signal?: AbortSignal): Promise<ContextOffer | undefined> {
    try {
      return await this.#api.json<ContextOffer>('POST', '/build/context', { json: listing, signal })
    } catch (error) {
      if (error instanceof ClientError && error.status >= 400 && error.status < 500)
        return undefined
      throw error
    }
  }

  prune(
    options: {
      readonly all: boolean
      readonly keepStorage: number | undefined
      readonly filters: Filters
    },
    signal?: AbortSignal,
  ): Promise<CachePruneReport> {
    return this.#api.json('POST', '/build/prune', {
      query: {
        all: options.all,
        'keep-storage': options.keepStorage,
        filters: filterText(options.filters),
      },
      signal,
    })
  }
}
