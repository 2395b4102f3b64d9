/**
 * Words between the page, the bridge (the outer frame of a preview) and the service worker behind it. The container's page shares
 * the bridge's origin: the page takes what comes from there for a wish, not for a fact.
 */

/** Where the bridge is on a preview's origin. Nothing of the container's is below it. */
export const BRIDGE_PATH = '/__bridge/'
/**
 * Takes a cookie that a script sets: `?path=…&text=…`. A request, as it comes to the service worker in order with the page's others;
 * a message may be later than them.
 */
export const COOKIE_PATH = '/__bridge/cookie'
/** At the root: a service worker's scope is its own folder. */
export const WORKER_PATH = '/__bridge-sw.js'
/** A BroadcastChannel that tells pages of changed cookies. */
export const CHANNEL_NAME = '__bridge'

/** From the bridge to the page. */
export type BridgeMessage =
  /** A service worker runs and has no channel. */
  | { readonly bridge: 'ready' }
  /** The browser keeps one from running. */
  | { readonly bridge: 'failed'; readonly message: string }
  /** Path, query and fragment of what is shown. */
  | { readonly bridge: 'location'; readonly path: string }

/** From the page to the bridge. */
export type PageMessage =
  /** With a port: the engine's worker is at its other end. */
  | { readonly page: 'channel'; readonly path: string }
  | { readonly page: 'go'; readonly path: string }
  | { readonly page: 'reload' }

/** From a client (the bridge, a page of the container's) to the service worker. */
export type ClientMessage =
  /** From the bridge, with a port. */
  | { readonly client: 'channel' }
  /** Keeps the service worker from being stopped while an answer is open. */
  | { readonly client: 'ping' }
  /** Where the page's policy forbids a request to COOKIE_PATH. */
  | { readonly client: 'cookie'; readonly text: string; readonly path: string }
  /** With a port for its messages. */
  | { readonly client: 'websocket'; readonly path: string; readonly protocols: readonly string[] }

/** From the service worker to the bridge. */
export type WorkerMessage =
  /** It has the channel that it was given. */
  | { readonly worker: 'connected' }
  /** It has no channel. */
  | { readonly worker: 'lost' }
  /** An answer is open for a while: ping. */
  | { readonly worker: 'busy' }
  /** None is: to a ping. */
  | { readonly worker: 'idle' }
