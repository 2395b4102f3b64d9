import {
  WORKER_PATH,
  type BridgeMessage,
  type ClientMessage,
  type PageMessage,
  type WorkerMessage,
} from '../../link/preview-frame.ts'

// The outer frame of a preview: keeps a service worker on this origin and the container's page in a frame below. The container's page
// can do all that this one can.

/** Milliseconds between pings while an answer is open: half of what browsers let a service worker idle. */
const PING_TIME = 15_000
/** Milliseconds between looks at the address: a page may change it without a load. */
const LOOK_TIME = 500

const frame = document.createElement('iframe')
frame.title = 'Page of the container'
/** The path to begin with. */
let first: string | undefined
let shown: string | undefined
let pinging: ReturnType<typeof setInterval> | undefined

/** The page checks who speaks; nothing said here is a secret. */
const tellPage = (message: BridgeMessage): void => parent.postMessage(message, '*')

async function start(): Promise<void> {
  let registration: ServiceWorkerRegistration
  try {
    registration = await navigator.serviceWorker.register(WORKER_PATH, { updateViaCache: 'none' })
  } catch (error) {
    tellPage({ bridge: 'failed', message: error instanceof Error ? error.message : String(error) })
    return
  }
  const worker = await activated(registration)
  addEventListener('message', (event: MessageEvent<PageMessage>) => {
    if (event.source === parent) fromPage(event.data, event.ports, registration.active ?? worker)
  })
  navigator.serviceWorker.addEventListener('message', (event: MessageEvent<WorkerMessage>) => {
    if (event.source === null) return
    fromWorker(event.data, registration)
  })
  navigator.serviceWorker.startMessages()
  tellPage({ bridge: 'ready' })
}

async function activated(registration: ServiceWorkerRegistration): Promise<ServiceWorker> {
  // A newer build takes over at once (skipWaiting), and pages should get that one.
  const worker = registration.installing ?? registration.waiting ?? registration.active
  if (!worker) return activated(await navigator.serviceWorker.ready)
  while (worker.state !== 'activated' && worker.state !== 'redundant') {
    await new Promise((resolve) => {
      worker.addEventListener('statechange', resolve, { once: true })
    })
  }
  return registration.active ?? worker
}

function fromPage(
  message: PageMessage,
  ports: readonly MessagePort[],
  worker: ServiceWorker,
): void {
  switch (message.page) {
    case 'channel': {
      const [port] = ports
      if (!port) return
      first ??= ownPath(message.path)
      worker.postMessage({ client: 'channel' } satisfies ClientMessage, [port])
      return
    }
    case 'go':
      show(ownPath(message.path))
      return
    case 'reload':
      show(undefined)
  }
}

/** @param path undefined: the same again */
function show(path: string | undefined): void {
  try {
    if (path === undefined) frame.contentWindow?.location.reload()
    else frame.contentWindow?.location.assign(path)
  } catch {
    // It has gone to another site, whose address is its own affair.
    frame.src = path ?? frame.src
  }
}

/** A path of this origin, whatever comes: `//host` would be another one. */
const ownPath = (path: string): string => `/${path.replace(/^[/\\]+/, '')}`

function fromWorker(message: WorkerMessage, registration: ServiceWorkerRegistration): void {
  switch (message.worker) {
    case 'connected':
      // Not before: a request that overtakes the channel asks for another, which would end it.
      if (frame.isConnected || first === undefined) return
      frame.src = first
      document.body.append(frame)
      setInterval(look, LOOK_TIME)
      return
    case 'lost':
      tellPage({ bridge: 'ready' })
      return
    case 'busy':
      pinging ??= setInterval(() => {
        registration.active?.postMessage({ client: 'ping' } satisfies ClientMessage)
      }, PING_TIME)
      return
    case 'idle':
      clearInterval(pinging)
      pinging = undefined
  }
}

function look(): void {
  let path: string | undefined
  try {
    const location = frame.contentWindow?.location
    if (location?.origin === origin) path = location.pathname + location.search + location.hash
  } catch {
    // Another site.
  }
  if (path === undefined || path === shown) return
  shown = path
  tellPage({ bridge: 'location', path })
}

frame.addEventListener('load', look)
void start()
