import type {
  RegistryRequest,
  RegistryResponse,
  RegistryTransport,
} from '../../ports/registry-transport.ts'
import { readAll } from './read-all.ts'

/** What X-Registry-Auth holds, as base64url of JSON (moby api/types/registry/authconfig.go). */
export interface Credentials {
  readonly username?: string
  readonly password?: string
  readonly identitytoken?: string
  readonly registrytoken?: string
  readonly serveraddress?: string
}

const TOKEN_MAX = 1024 * 1024

/** Asks a registry as it wants to be asked: with nothing, Basic, or a token (distribution docs/spec/auth/token.md). */
export class Tokens {
  readonly #transport: RegistryTransport
  readonly #credentials: Credentials
  #authorization: string | undefined

  constructor(transport: RegistryTransport, credentials: Credentials = {}) {
    this.#transport = transport
    this.#credentials = credentials
    if (credentials.registrytoken) this.#authorization = `Bearer ${credentials.registrytoken}`
  }

  /** @param scope asked for when the challenge names none */
  async send(request: RegistryRequest, scope: string): Promise<RegistryResponse> {
    const response = await this.#transport.send(this.#signed(request))
    if (response.status !== 401) return response
    const authorization = await this.#answer(
      response.headers['www-authenticate'] ?? '',
      scope,
      request.signal,
    )
    if (authorization === undefined || authorization === this.#authorization) return response
    await response.body.cancel()
    this.#authorization = authorization
    return this.#transport.send(this.#signed(request))
  }

  #signed(request: RegistryRequest): RegistryRequest {
    if (this.#authorization === undefined) return request
    return { ...request, headers: { ...request.headers, authorization: this.#authorization } }
  }

  async #answer(
    challenge: string,
    scope: string,
    signal: AbortSignal | undefined,
  ): Promise<string | undefined> {
    if (/^basic\b/i.test(challenge)) return this.#basic()
    const realm = /\brealm="([^"]*)"/i.exec(challenge)?.[1]
    if (!/^bearer\b/i.test(challenge) || !realm || !URL.canParse(realm)) return undefined
    const url = new URL(realm)
    const service = /\bservice="([^"]*)"/i.exec(challenge)?.[1]
    if (service) url.searchParams.set('service', service)
    const wanted = /\bscope="([^"]*)"/i.exec(challenge)?.[1] ?? scope
    if (wanted) url.searchParams.set('scope', wanted)
    const basic = this.#basic()
    const response = await this.#transport.send({
      registry: url.host,
      method: 'GET',
      path: `${url.pathname}${url.search}`,
      headers: basic === undefined ? {} : { authorization: basic },
      ...(signal && { signal }),
    })
    const bytes = await readAll(response.body, TOKEN_MAX, 'token')
    if (response.status !== 200) return undefined
    const { token, access_token: accessToken } = JSON.parse(new TextDecoder().decode(bytes)) as {
      token?: string
      access_token?: string
    }
    const given = token ?? accessToken
    return given === undefined ? undefined : `Bearer ${given}`
  }

  #basic(): string | undefined {
    const { username, password } = this.#credentials
    if (!username) return undefined
    const bytes = new TextEncoder().encode(`${username}:${password ?? ''}`)
    return `Basic ${btoa(String.fromCharCode(...bytes))}`
  }
}
