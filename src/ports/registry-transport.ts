/** One exchange with a registry (OCI distribution-spec v1.1.1). */
export interface RegistryRequest {
  /** `docker.io`, `localhost:5000`. */
  readonly registry: string
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PATCH' | 'PUT'
  /** `/v2/library/busybox/manifests/latest` */
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: Uint8Array
  readonly signal?: AbortSignal
}

export interface RegistryResponse {
  readonly status: number
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: ReadableStream<Uint8Array>
}

/** How registries are reached: the catalog's static files, `fetch`, a relay, a container's port. */
export interface RegistryTransport {
  /** @throws EngineError `unavailable` when the registry can't be reached, with the reason in Docker's words */
  send(request: RegistryRequest): Promise<RegistryResponse>
}
