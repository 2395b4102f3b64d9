import { sha256 } from '../../codec/sha256.ts'
import type { Digest } from '../../core/digest.ts'
import { EngineError } from '../../core/error.ts'
import { mediaType } from '../../core/oci.ts'
import { familiar, familiarName, type Reference } from '../../core/reference.ts'
import type { RegistryResponse, RegistryTransport } from '../../ports/registry-transport.ts'
import { readAll } from './read-all.ts'
import { Tokens, type Credentials } from './registry-tokens.ts'

/** Largest manifest or index, in bytes (distribution registry/handlers/manifests.go). */
const MANIFEST_MAX = 4 * 1024 * 1024

const ACCEPT = Object.values(mediaType).join(', ')

export interface Manifest {
  readonly mediaType: string
  readonly digest: Digest
  readonly bytes: Uint8Array
  readonly value: unknown
}

/** Reads one repository's images from its registry (OCI distribution-spec v1.1.1), checking all it gets. */
export class RegistryClient {
  readonly #tokens: Tokens
  readonly #reference: Reference

  constructor(transport: RegistryTransport, reference: Reference, credentials?: Credentials) {
    this.#reference = reference
    this.#tokens = new Tokens(transport, credentials)
  }

  /**
   * By digest, else by tag.
   * @param expected size that a descriptor promised
   * @throws EngineError in Docker's words
   */
  async manifest(
    name: { readonly tag?: string; readonly digest?: Digest },
    signal: AbortSignal,
    expected?: number,
  ): Promise<Manifest> {
    const target = name.digest ?? name.tag ?? 'latest'
    const response = await this.#get(`manifests/${target}`, { accept: ACCEPT }, signal)
    const bytes = await readAll(response.body, MANIFEST_MAX, `manifest ${target}`)
    const digest = await sha256(bytes)
    if (name.digest && digest !== name.digest) {
      throw new EngineError('internal', `manifest verification failed for digest ${name.digest}`)
    }
    if (expected !== undefined && bytes.length !== expected) {
      throw new EngineError(
        'internal',
        `manifest ${digest} has ${bytes.length} bytes, not ${expected}`,
      )
    }
    const value = parse(bytes, `manifest ${target}`)
    const stated = (value as { mediaType?: unknown }).mediaType
    const header = (response.headers['content-type'] ?? '').split(';')[0]?.trim() ?? ''
    return {
      mediaType: typeof stated === 'string' ? stated : header || guess(value),
      digest,
      bytes,
      value,
    }
  }

  /** A small blob, whole and checked. */
  async blob(digest: Digest, size: number, signal: AbortSignal): Promise<Uint8Array<ArrayBuffer>> {
    const response = await this.#get(`blobs/${digest}`, {}, signal)
    const bytes = await readAll(response.body, size, `blob ${digest}`)
    if (bytes.length !== size || (await sha256(bytes)) !== digest) {
      throw new EngineError('internal', `blob verification failed for digest ${digest}`)
    }
    return bytes
  }

  /** A blob as it comes: the caller checks it. */
  async stream(digest: Digest, signal: AbortSignal): Promise<ReadableStream<Uint8Array>> {
    return (await this.#get(`blobs/${digest}`, {}, signal)).body
  }

  /** @throws EngineError `unauthorized` when the registry doesn't take the credentials */
  async ping(signal: AbortSignal): Promise<void> {
    const request = { registry: this.#reference.domain, method: 'GET', path: '/v2/' } as const
    const response = await this.#tokens.send({ ...request, headers: {}, signal }, '')
    await response.body.cancel()
    if (response.status === 401 || response.status === 403) {
      throw new EngineError(
        'unauthorized',
        `Get "https://${this.#reference.domain}/v2/": unauthorized: incorrect username or password`,
      )
    }
    if (response.status !== 200) {
      throw new EngineError(
        'internal',
        `Get "https://${this.#reference.domain}/v2/": received unexpected HTTP status: ${response.status}`,
      )
    }
  }

  async #get(
    what: string,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<RegistryResponse> {
    const { domain, path } = this.#reference
    const response = await this.#tokens.send(
      { registry: domain, method: 'GET', path: `/v2/${path}/${what}`, headers, signal },
      `repository:${path}:pull`,
    )
    if (response.status === 200) return response
    const bytes = await readAll(response.body, MANIFEST_MAX, 'error').catch(() => new Uint8Array())
    throw translate(response.status, bytes, this.#reference, what)
  }
}

function parse(bytes: Uint8Array, what: string): unknown {
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder().decode(bytes))
  } catch (cause) {
    throw new EngineError('internal', `${what} isn't JSON`, { cause })
  }
  if (typeof value !== 'object' || value === null) {
    throw new EngineError('internal', `${what} isn't an object`)
  }
  return value
}

const guess = (value: unknown): string =>
  'manifests' in (value as object) ? mediaType.ociIndex : mediaType.ociManifest

/** moby distribution/errors.go, translatePullError */
function translate(
  status: number,
  body: Uint8Array,
  reference: Reference,
  what: string,
): EngineError {
  const { code, message } = firstError(body)
  const denied = code === 'DENIED' || code === 'UNAUTHORIZED' || status === 401 || status === 403
  if (denied) {
    return new EngineError(
      'not-found',
      `pull access denied for ${familiarName(reference)}, repository does not exist or may require 'docker login': denied: requested access to the resource is denied`,
    )
  }
  if (code === 'NAME_UNKNOWN') {
    return new EngineError(
      'not-found',
      `repository ${familiarName(reference)} not found: name unknown: ${message ?? 'repository name not known to registry'}`,
    )
  }
  if (status === 404 && what.startsWith('manifests/')) {
    return new EngineError(
      'not-found',
      `manifest for ${familiar(reference)} not found: manifest unknown: ${message ?? 'manifest unknown'}`,
    )
  }
  if (status === 429) {
    return new EngineError('internal', `toomanyrequests: ${message ?? 'too many requests'}`)
  }
  return new EngineError(
    'internal',
    `received unexpected HTTP status: ${status}${message ? ` ${message}` : ''} for ${what}`,
  )
}

export function firstError(body: Uint8Array): {
  readonly code?: string
  readonly message?: string
} {
  try {
    const { errors } = JSON.parse(new TextDecoder().decode(body)) as {
      errors?: readonly { code?: string; message?: string }[]
    }
    return errors?.[0] ?? {}
  } catch {
    // Proxies answer with pages of their own: the status says enough.
    return {}
  }
}
