import type { NetworkResource } from '../core/engine-api.ts'
import { filterText, type ApiClient, type Filters } from './api-client.ts'
import type { PruneReport } from './types.ts'

const at = (id: string, verb = ''): string =>
  `/networks/${encodeURIComponent(id)}${verb === '' ? '' : `/${verb}`}`

export class Networks {
  readonly #api: ApiClient

  constructor(api: ApiClient) {
    this.#api = api
  }

  list(filters: Filters = {}, signal?: AbortSignal): Promise<readonly NetworkResource[]> {
    return this.#api.json('GET', '/networks', { query: { filters: filterText(filters) }, signal })
  }

  /** As the engine sent it. */
  inspectRaw(id: string, verbose: boolean, signal?: AbortSignal): Promise<unknown> {
    return this.#api.json('GET', at(id), { query: { verbose }, signal })
  }

  create(
    request: object,
    signal?: AbortSignal,
  ): Promise<{ readonly Id: string; readonly Warning?: string }> {
    return this.#api.json('POST', '/networks/create', { json: request, signal })
  }

  remove(id: string, signal?: AbortSignal): Promise<void> {
    return this.#api.call('DELETE', at(id), { signal })
  }

  connect(id: string, container: string, endpoint: object, signal?: AbortSignal): Promise<void> {
    const json = { Container: container, EndpointConfig: endpoint }
    return this.#api.call('POST', at(id, 'connect'), { json, signal })
  }

  disconnect(id: string, container: string, force: boolean, signal?: AbortSignal): Promise<void> {
    return this.#api.call('POST', at(id, 'disconnect'), {
      json: { Container: container, Force: force },
      signal,
    })
  }

  prune(filters: Filters, signal?: AbortSignal): Promise<PruneReport> {
    return this.#api.json('POST', '/networks/prune', {
      query: { filters: filterText(filters) },
      signal,
    })
  }
}
