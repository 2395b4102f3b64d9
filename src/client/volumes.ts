import { filterText, type ApiClient, type Filters } from './api-client.ts'
import type { PruneReport, Volume } from './types.ts'

const at = (name: string): string => `/volumes/${encodeURIComponent(name)}`

export class Volumes {
  readonly #api: ApiClient

  constructor(api: ApiClient) {
    this.#api = api
  }

  async list(filters: Filters = {}, signal?: AbortSignal): Promise<readonly Volume[]> {
    const query = { filters: filterText(filters) }
    const answer = await this.#api.json<{ Volumes: readonly Volume[] | null }>('GET', '/volumes', {
      query,
      signal,
    })
    return answer.Volumes ?? []
  }

  /** As the engine sent it. */
  inspectRaw(name: string, signal?: AbortSignal): Promise<unknown> {
    return this.#api.json('GET', at(name), { signal })
  }

  create(request: object, signal?: AbortSignal): Promise<Volume> {
    return this.#api.json('POST', '/volumes/create', { json: request, signal })
  }

  remove(name: string, force: boolean, signal?: AbortSignal): Promise<void> {
    return this.#api.call('DELETE', at(name), { query: { force }, signal })
  }

  prune(filters: Filters, signal?: AbortSignal): Promise<PruneReport> {
    return this.#api.json('POST', '/volumes/prune', {
      query: { filters: filterText(filters) },
      signal,
    })
  }
}
