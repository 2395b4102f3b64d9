import type { HttpClient } from '../../../codec/http/client.ts'
import type { CookieJar } from '../../../codec/http/cookies.ts'
import type { Duplex } from '../../../core/duplex.ts'
import type { PublishedPort } from '../../../link/preview.ts'

/** A port that is open. */
export interface OpenPort extends PublishedPort {
  readonly http: HttpClient
  readonly jar: CookieJar
  readonly dial: (signal: AbortSignal) => Promise<Duplex>
}
