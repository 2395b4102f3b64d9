import { isDigest } from '../core/digest.ts'
import { EngineError } from '../core/error.ts'
import type {
  RegistryRequest,
  RegistryResponse,
  RegistryTransport,
} from '../ports/registry-transport.ts'

/** A file of the catalog as a stream; undefined when it isn't there. Paths are relative: `blobs/sha256/…`. */
export type OpenCatalogFile = (
  path: string,
  signal?: AbortSignal,
) => Promise<ReadableStream<Uint8Array> | undefined>

interface IndexEntry {
  readonly mediaType: string
  readonly digest: string
  readonly size: number
  /** `docker.io/library/busybox:latest` */
  readonly name: string
}

/** image-spec v1.1.1, annotations.md#pre-defined-annotation-keys */
const REF_NAME = 'org.opencontainers.image.ref.name'

/**
 * The images that come with Drydock, as a registry. On the host they are an OCI image layout (image-spec v1.1.1,
 * image-layout.md): static files that any web server can serve, with names that any file system can hold. What the catalog
 * doesn't have is asked of `next`.
 */
export class CatalogTransport implements RegistryTransport {
  readonly #open: OpenCatalogFile
  readonly #next: RegistryTransport
  #index: Promise<readonly IndexEntry[]> | undefined

  constructor(open: OpenCatalogFile, next: RegistryTransport) {
    this.#open = open
    this.#next = next
  }

  async send(request: RegistryRequest): Promise<RegistryResponse> {
    const parts = /^\/v2\/(.+)\/(manifests|blobs)\/([^/]+)$/.exec(request.path)
    const [, repository, kind, reference] = parts ?? []
    const isRead = request.method === 'GET' || request.method === 'HEAD'
    if (!isRead || !repository || !kind || !reference) return this.#next.send(request)
    const name = `${request.registry}/${repository}`
    const entries = (await this.#entries(request.signal)).filter(
      (entry) => repositoryOf(entry.name) === name,
    )
    if (entries.length === 0) return this.#sendOn(request)
    if (kind === 'blobs') return this.#blob(reference, 'application/octet-stream', request)
    const found = isDigest(reference)
      ? entries.find((entry) => entry.digest === reference)
      : entries.find((entry) => entry.name === `${name}:${reference}`)
    if (!found) return this.#sendOn(request)
    return this.#blob(found.digest, found.mediaType, request)
  }

  /** A registry that can't be reached is no news to who works offline: what there is, is. */
  async #sendOn(request: RegistryRequest): Promise<RegistryResponse> {
    try {
      return await this.#next.send(request)
    } catch (error) {
      request.signal?.throwIfAborted()
      const offered = offeredBy(request.registry, await this.#entries(request.signal))
      if (!(error instanceof EngineError) || offered.length === 0) throw error
      throw new EngineError(error.code, `${error.message}. The catalog has ${offered.join(', ')}`, {
        cause: error,
      })
    }
  }

  async #blob(
    digest: string,
    mediaType: string,
    request: RegistryRequest,
  ): Promise<RegistryResponse> {
    const body = isDigest(digest)
      ? await this.#open(`blobs/${digest.replace(':', '/')}`, request.signal)
      : undefined
    if (!body) return notFound()
    if (request.method === 'HEAD') await body.cancel()
    return {
      status: 200,
      headers: { 'content-type': mediaType, 'docker-content-digest': digest },
      body: request.method === 'HEAD' ? empty() : body,
    }
  }

  /** Read once; a failure is forgotten, so that the next request tries again. */
  #entries(signal: AbortSignal | undefined): Promise<readonly IndexEntry[]> {
    this.#index ??= this.#readIndex(signal).catch((error: unknown) => {
      this.#index = undefined
      throw error
    })
    return this.#index
  }

  async #readIndex(signal: AbortSignal | undefined): Promise<readonly IndexEntry[]> {
    const body = await this.#open('index.json', signal)
    if (!body) return []
    const index: unknown = await new Response(body).json().catch((cause: unknown) => {
      throw new EngineError('internal', "Cannot read the catalog: its index isn't JSON", { cause })
    })
    const { manifests } = index as { manifests?: readonly Record<string, unknown>[] }
    return (manifests ?? []).flatMap((manifest) => {
      const { mediaType, digest, size, annotations } = manifest
      const name = (annotations as Record<string, string> | undefined)?.[REF_NAME]
      return typeof mediaType === 'string' &&
        typeof digest === 'string' &&
        typeof size === 'number' &&
        name
        ? [{ mediaType, digest, size, name }]
        : []
    })
  }
}

/** Names as users give them, without tags. */
function offeredBy(registry: string, entries: readonly IndexEntry[]): string[] {
  const names = entries
    .map(({ name }) => repositoryOf(name))
    .filter((name) => name.startsWith(`${registry}/`) && !name.includes('/drydock/'))
    .map((name) => name.replace(/^docker\.io\/(?:library\/)?/, ''))
  return [...new Set(names)].sort()
}

const repositoryOf = (name: string): string => name.replace(/:[^:/]*$/, '')

const empty = (): ReadableStream<Uint8Array> =>
  new ReadableStream({ start: (controller) => controller.close() })

const notFound = (): RegistryResponse => ({
  status: 404,
  headers: { 'content-type': 'application/json' },
  body: new Blob([
    '{"errors":[{"code":"BLOB_UNKNOWN","message":"blob unknown to registry"}]}',
  ]).stream(),
})
