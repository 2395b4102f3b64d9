import { joinBytes } from '../../codec/join-bytes.ts'
import { createSha256 } from '../../codec/sha256.ts'
import type { Digest } from '../../core/digest.ts'
import { EngineError } from '../../core/error.ts'
import type { Reference } from '../../core/reference.ts'
import type {
  RegistryRequest,
  RegistryResponse,
  RegistryTransport,
} from '../../ports/registry-transport.ts'
import { readAll } from './read-all.ts'
import { firstError } from './registry-client.ts'
import { Tokens, type Credentials } from './registry-tokens.ts'

/** Bytes of a blob in one request. */
const CHUNK = 8 * 1024 * 1024
const ANSWER_MAX = 1024 * 1024

/** Writes one repository's images to its registry (OCI distribution-spec v1.1.1, Push). */
export class RegistryUpload {
  readonly #tokens: Tokens
  readonly #reference: Reference
  readonly #signal: AbortSignal

  constructor(
    transport: RegistryTransport,
    reference: Reference,
    signal: AbortSignal,
    credentials?: Credentials,
  ) {
    this.#tokens = new Tokens(transport, credentials)
    this.#reference = reference
    this.#signal = signal
  }

  /** @throws EngineError when no registry answers; what it allows is told by what it is asked for */
  async ping(): Promise<void> {
    const { body } = await this.#send('GET', '/v2/')
    await body.cancel()
  }

  async has(digest: Digest): Promise<boolean> {
    const { status, body } = await this.#send('HEAD', this.#path(`blobs/${digest}`))
    await body.cancel()
    return status === 200
  }

  /** Take a blob over from another repository of the registry. @returns whether it did */
  async mount(digest: Digest, from: string): Promise<boolean> {
    const query = new URLSearchParams({ from, mount: digest })
    const response = await this.#send('POST', `${this.#path('blobs/uploads/')}?${String(query)}`)
    await response.body.cancel()
    // Otherwise it has begun an upload, which nobody goes on with: the registry drops it some day.
    return response.status === 201
  }

  /** Send a blob as it comes. */
  async upload(
    content: AsyncIterable<Uint8Array>,
  ): Promise<{ readonly digest: Digest; readonly size: number }> {
    const hash = await createSha256()
    let place = this.#placeOf(await this.#expect(202, 'POST', this.#path('blobs/uploads/')))
    let pending: Uint8Array[] = []
    let pendingBytes = 0
    let size = 0
    for await (const bytes of content) {
      hash.update(bytes)
      pending.push(bytes)
      pendingBytes += bytes.length
      if (pendingBytes < CHUNK) continue
      place = this.#placeOf(
        await this.#expect(202, 'PATCH', place, joinBytes(pending), {
          'content-type': 'application/octet-stream',
          'content-range': `${size}-${size + pendingBytes - 1}`,
        }),
      )
      size += pendingBytes
      pending = []
      pendingBytes = 0
    }
    size += pendingBytes
    const digest = hash.digest()
    const last = `${place}${place.includes('?') ? '&' : '?'}digest=${encodeURIComponent(digest)}`
    await this.#expect(201, 'PUT', last, joinBytes(pending), {
      'content-type': 'application/octet-stream',
    })
    return { digest, size }
  }

  async manifest(tag: string, mediaType: string, bytes: Uint8Array): Promise<void> {
    await this.#expect(201, 'PUT', this.#path(`manifests/${tag}`), bytes, {
      'content-type': mediaType,
    })
  }

  #path(what: string): string {
    return `/v2/${this.#reference.path}/${what}`
  }

  async #expect(
    status: number,
    method: RegistryRequest['method'],
    path: string,
    body?: Uint8Array,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<RegistryResponse> {
    const response = await this.#send(method, path, body, headers)
    if (response.status === status) {
      await response.body.cancel()
      return response
    }
    const bytes = await readAll(response.body, ANSWER_MAX, 'error').catch(() => new Uint8Array())
    throw refusal(response, bytes)
  }

  #send(
    method: RegistryRequest['method'],
    path: string,
    body?: Uint8Array,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<RegistryResponse> {
    const registry = this.#reference.domain
    const request = { registry, method, path, headers, ...(body && { body }) }
    return this.#tokens.send(
      { ...request, signal: this.#signal },
      `repository:${this.#reference.path}:pull,push`,
    )
  }

  /** Where to go on with an upload. What the registry gets as authorization goes nowhere else. */
  #placeOf({ headers }: RegistryResponse): string {
    const registry = this.#reference.domain
    const { location = '' } = headers
    const base = `http://${registry}`
    if (location === '' || !URL.canParse(location, base)) {
      throw new EngineError('internal', `${registry} doesn't say where to upload to`)
    }
    const { host, pathname, search } = new URL(location, base)
    if (host !== new URL(base).host) {
      throw new EngineError('internal', `${registry} takes uploads at another address: ${host}`)
    }
    return pathname + search
  }
}

/** The registry's own words, as Docker repeats them (distribution registry/api/errcode). */
function refusal({ status, headers }: RegistryResponse, body: Uint8Array): EngineError {
  const { code, message } = firstError(body)
  if (status === 401 && /^basic\b/i.test(headers['www-authenticate'] ?? '')) {
    return new EngineError('internal', 'no basic auth credentials')
  }
  if (code !== undefined) {
    const words = code.toLowerCase().replaceAll('_', ' ')
    return new EngineError('internal', message === undefined ? words : `${words}: ${message}`)
  }
  return new EngineError('internal', `received unexpected HTTP status: ${status}`)
}
