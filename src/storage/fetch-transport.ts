import { EngineError } from '../core/error.ts'
import type {
  RegistryRequest,
  RegistryResponse,
  RegistryTransport,
} from '../ports/registry-transport.ts'

/** Registries by `fetch`. In a browser only those that allow it (CORS) can be reached. */
export class FetchTransport implements RegistryTransport {
  async send(request: RegistryRequest): Promise<RegistryResponse> {
    // Docker, too, speaks plain HTTP to registries on the machine itself (moby registry/config.go, 127.0.0.0/8).
    const scheme = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?$/.test(request.registry)
      ? 'http'
      : 'https'
    const url = `${scheme}://${request.registry}${request.path}`
    const { method, headers, signal } = request
    // A copy: the bytes may lie in memory that is shared.
    const body = request.body && new Uint8Array(request.body)
    let response: Response
    try {
      response = await fetch(url, {
        method,
        headers,
        ...(body && { body }),
        ...(signal && { signal }),
      })
    } catch (cause) {
      signal?.throwIfAborted()
      throw new EngineError(
        'internal',
        `Get "${scheme}://${request.registry}/v2/": ${reasonOf(cause)}`,
        {
          cause,
        },
      )
    }
    return {
      status: response.status,
      headers: Object.fromEntries(response.headers),
      body: response.body ?? new Blob([]).stream(),
    }
  }
}

interface SystemError extends Error {
  readonly code?: string
  readonly address?: string
  readonly port?: number
}

/** Node says `fetch failed` and keeps the reason in `cause`; browsers tell no reason at all. */
function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined
  if (!(cause instanceof Error)) return 'the registry can not be reached from here'
  // Of a name with several addresses, each has its own.
  const { errors = [cause] } = cause as { readonly errors?: readonly SystemError[] }
  const { code, address, port, message } = (errors.at(-1) ?? cause) as SystemError
  if (code !== 'ECONNREFUSED' || address === undefined) return message || (code ?? cause.message)
  const host = address.includes(':') ? `[${address}]` : address
  return `dial tcp ${host}:${port}: connect: connection refused`
}
