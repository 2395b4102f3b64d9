/**
 * The preview of a published port: a page of the container's in a frame on an origin of its own.
 *
 * Its service worker talks to the engine's worker by a MessagePort that can do nothing but HTTP and WebSocket to that one port.
 * The container's page shares its origin, so whatever comes from there is checked like a stranger's.
 *
 * Flow control: who sends bytes of a body has `WINDOW` of them under way at most; the other side gives credit for what it has
 * taken. Buffers are transferred.
 */

/** Bytes of a body in one message, at most. */
export const CHUNK_MAX = 262_144
/** Bytes of a body under way, at most. */
export const WINDOW = 1_048_576
/** Bytes of an answer that comes in one message with its head, at most. */
export const WHOLE_MAX = 65_536
/** Requests of one port that are open at once, at most. */
export const OPEN_MAX = 256

/** A port of a container that is open, as the page lists them. */
export interface PublishedPort {
  /** Of the host: what follows `localhost:`. */
  readonly port: number
  /** Name of the container. */
  readonly container: string
}

export type HeaderList = readonly (readonly [name: string, value: string])[]

/** Name, value and path of a cookie that the page's scripts may see. */
export type PreviewCookie = readonly [name: string, value: string, path: string]

/** From the service worker to the engine's worker. */
export type PreviewMessage =
  | {
      readonly kind: 'req'
      /** The sender's choice, of no open request. */
      readonly id: number
      readonly method: string
      /** Path and query. */
      readonly path: string
      readonly headers: HeaderList
      /** Path and query of the page that asks. */
      readonly referrer?: string
      /** Cookies are sent and taken. */
      readonly credentials: boolean
      /** `body` and `bodyend` follow. */
      readonly hasBody: boolean
      /** Of the body in bytes, when it is known. */
      readonly length?: number
    }
  | { readonly kind: 'body'; readonly id: number; readonly bytes: ArrayBuffer }
  | { readonly kind: 'bodyend'; readonly id: number }
  | { readonly kind: 'cancel'; readonly id: number }
  | { readonly kind: 'credit'; readonly id: number; readonly bytes: number }
  /** What a script assigned to `document.cookie` on a page of this path. */
  | { readonly kind: 'cookie'; readonly text: string; readonly path: string }
  /** A WebSocket; its messages go by the port that comes with it. */
  | { readonly kind: 'websocket'; readonly path: string; readonly protocols: readonly string[] }

/** Why a request failed. */
export type PreviewFailure =
  /** The port is published, and nothing listens. */
  | 'refused'
  /** No running container publishes the port. */
  | 'closed'
  /** The server said something that isn't HTTP, or broke off. */
  | 'broken'
  /** Too much is asked. */
  | 'busy'

/** From the engine's worker to the service worker. */
export type PreviewAnswer =
  | {
      readonly kind: 'head'
      readonly id: number
      readonly status: number
      readonly reason: string
      readonly headers: HeaderList
      /** `chunk` and `end` follow. */
      readonly hasBody: boolean
      /** The body, when it is small: nothing follows. */
      readonly whole?: ArrayBuffer
      /** What `document.cookie` draws on, as it is now. */
      readonly cookies: readonly PreviewCookie[]
      /** This answer changed them. */
      readonly cookiesChanged: boolean
    }
  | { readonly kind: 'chunk'; readonly id: number; readonly bytes: ArrayBuffer }
  | { readonly kind: 'end'; readonly id: number }
  /** Instead of `head`, or of more chunks. */
  | {
      readonly kind: 'err'
      readonly id: number
      readonly failure: PreviewFailure
      readonly message: string
    }
  /** For bytes of the request's body. */
  | { readonly kind: 'credit'; readonly id: number; readonly bytes: number }
  /** After a script's assignment: what `document.cookie` draws on now. */
  | { readonly kind: 'cookies'; readonly cookies: readonly PreviewCookie[] }

/** From a page's WebSocket to the engine's worker. Text crosses as a string. */
export type SocketMessage =
  | { readonly kind: 'send'; readonly data: string | ArrayBuffer }
  | { readonly kind: 'close'; readonly code?: number; readonly reason: string }
  /** For bytes of messages that the page has taken. */
  | { readonly kind: 'credit'; readonly bytes: number }

/** From the engine's worker to a page's WebSocket. */
export type SocketEvent =
  | { readonly kind: 'open'; readonly protocol: string }
  /** `bytes`: what is to be credited. */
  | { readonly kind: 'message'; readonly data: string | ArrayBuffer; readonly bytes: number }
  /** For bytes that were sent to the server. */
  | { readonly kind: 'sent'; readonly bytes: number }
  /** The last one. 1006: it broke. */
  | {
      readonly kind: 'close'
      readonly code: number
      readonly reason: string
      readonly failed: boolean
    }
