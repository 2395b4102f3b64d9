/** Cookies of one server (RFC 6265bis, 5). The bounds are browsers'. */
const COOKIES_MAX = 180
/** Of a name with its value, in characters. */
const COOKIE_MAX = 4096

interface Cookie {
  readonly name: string
  readonly value: string
  readonly path: string
  readonly httpOnly: boolean
  /** Milliseconds since 1970; undefined: until the jar goes. */
  readonly expires: number | undefined
  /** Older ones are sent first. */
  readonly created: number
}

/** What a page's scripts may see of a cookie: name, value, path. */
export type VisibleCookie = readonly [name: string, value: string, path: string]

/** Who sets a cookie: a server's `Set-Cookie`, or a script, which neither makes nor changes those that are HttpOnly. */
export type CookieSource = 'server' | 'script'

/** A cookie jar for one host: what `Domain` and `Secure` say has no meaning there. */
export class CookieJar {
  readonly #cookies = new Map<string, Cookie>()
  readonly #now: () => number
  #created = 0

  /** @param now milliseconds since 1970 */
  constructor(now: () => number) {
    this.#now = now
  }

  /**
   * Take a `Set-Cookie` value (RFC 6265bis, 5.6 and 5.7); nonsense is passed over.
   * @param path of the request, for cookies that name none
   * @returns whether something changed
   */
  set(text: string, path: string, source: CookieSource): boolean {
    const cookie = this.#parse(text, path)
    if (!cookie) return false
    if (source === 'script' && cookie.httpOnly) return false
    const key = `${cookie.path}\n${cookie.name}`
    const old = this.#cookies.get(key)
    if (source === 'script' && old?.httpOnly) return false
    const isGone = cookie.expires !== undefined && cookie.expires <= this.#now()
    if (isGone) return this.#cookies.delete(key)
    this.#cookies.set(key, { ...cookie, created: old?.created ?? cookie.created })
    if (this.#cookies.size > COOKIES_MAX) this.#evict()
    return true
  }

  /** The `Cookie` field for a request of this path; empty when there is none (RFC 6265bis, 5.8.3). */
  header(path: string): string {
    return this.#matching(pathOf(path))
      .map(({ name, value }) => (name === '' ? value : `${name}=${value}`))
      .join('; ')
  }

  /** Every cookie that scripts may see, of whatever path. */
  visible(): VisibleCookie[] {
    return this.#alive()
      .filter(({ httpOnly }) => !httpOnly)
      .map(({ name, value, path }) => [name, value, path])
  }

  #matching(path: string): Cookie[] {
    return this.#alive()
      .filter((cookie) => pathMatches(path, cookie.path))
      .sort((left, right) => right.path.length - left.path.length || left.created - right.created)
  }

  #alive(): Cookie[] {
    const now = this.#now()
    for (const [key, { expires }] of this.#cookies) {
      if (expires !== undefined && expires <= now) this.#cookies.delete(key)
    }
    return [...this.#cookies.values()]
  }

  #evict(): void {
    let oldest: readonly [string, Cookie] | undefined
    for (const entry of this.#cookies)
      if (!oldest || entry[1].created < oldest[1].created) oldest = entry
    if (oldest) this.#cookies.delete(oldest[0])
  }

  #parse(text: string, requestPath: string): Cookie | undefined {
    const [pair = '', ...attributes] = text.split(';')
    const equals = pair.indexOf('=')
    const name = equals < 0 ? '' : pair.slice(0, equals).trim()
    const value = pair.slice(equals + 1).trim()
    if (name.length + value.length > COOKIE_MAX || name + value === '') return undefined
    if (hasControl(name + value)) return undefined
    let path: string | undefined
    let httpOnly = false
    let expires: number | undefined
    let maxAge: number | undefined
    for (const attribute of attributes) {
      const at = attribute.indexOf('=')
      const key = (at < 0 ? attribute : attribute.slice(0, at)).trim().toLowerCase()
      const given = at < 0 ? '' : attribute.slice(at + 1).trim()
      if (key === 'path') path = given.startsWith('/') && given.length <= 1024 ? given : undefined
      else if (key === 'httponly') httpOnly = true
      else if (key === 'expires')
        expires = Number.isNaN(Date.parse(given)) ? expires : Date.parse(given)
      else if (key === 'max-age' && /^-?\d+$/.test(given)) maxAge = Number(given)
    }
    return {
      name,
      value,
      path: path ?? defaultPath(requestPath),
      httpOnly,
      expires: maxAge === undefined ? expires : this.#now() + maxAge * 1000,
      created: this.#created++,
    }
  }
}

/** Characters that would end the field or the line; tabs are allowed (RFC 6265bis, 5.6). */
function hasControl(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if ((code < 0x20 && code !== 9) || code === 0x7f || code > 0xff) return true
  }
  return false
}

const pathOf = (target: string): string => target.split(/[?#]/, 1)[0] ?? '/'

/** RFC 6265bis, 5.1.4. */
function defaultPath(target: string): string {
  const path = pathOf(target)
  const end = path.lastIndexOf('/')
  return end <= 0 ? '/' : path.slice(0, end)
}

/** Whether a cookie of `cookiePath` belongs to a request of `path` (RFC 6265bis, 5.1.4). */
function pathMatches(path: string, cookiePath: string): boolean {
  if (!path.startsWith(cookiePath)) return false
  return (
    path.length === cookiePath.length || cookiePath.endsWith('/') || path[cookiePath.length] === '/'
  )
}
