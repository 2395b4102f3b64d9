import { BRIDGE_PATH, WORKER_PATH } from '../../link/preview-frame.ts'

// What a preview's origin answers for each address that is not the bridge's: the service worker did not stand in between (a hard reload,
// a page that unregistered it, a tab of its own). It never shows what a container sent.

/** Reloads within `TRIES_TIME` milliseconds, at most. */
const TRIES = 3
const TRIES_TIME = 10_000
const KEY = '__bridge-boot'

function bridgeAbove(): 'here' | 'elsewhere' | 'none' {
  let at: Window = window
  try {
    while (at !== at.parent) {
      at = at.parent
      if (at.location.origin !== origin) return 'elsewhere'
      if (at.location.pathname === BRIDGE_PATH) return 'here'
    }
  } catch {
    // A frame of another origin.
    return 'elsewhere'
  }
  return 'none'
}

function mayTry(): boolean {
  const now = Date.now()
  const recent = (sessionStorage.getItem(KEY) ?? '')
    .split(' ')
    .map(Number)
    .filter((time) => time > now - TRIES_TIME)
  if (recent.length >= TRIES) return false
  sessionStorage.setItem(KEY, [...recent, now].join(' '))
  return true
}

function say(text: string): void {
  const line = document.querySelector('p')
  if (line) line.textContent = text
}

async function boot(): Promise<void> {
  const port = /^s\d+-(\d+)\./.exec(location.host)?.[1]
  switch (bridgeAbove()) {
    case 'none':
      say('This address works inside a Drydock playground only: open the port from its page.')
      return
    case 'elsewhere':
      say(
        `This page is on another port. Open port ${port ?? ''} from the playground’s status line, below the terminal.`,
      )
      return
    case 'here':
  }
  try {
    await navigator.serviceWorker.register(WORKER_PATH, { updateViaCache: 'none' })
    await navigator.serviceWorker.ready
    if (mayTry()) location.reload()
    else say('The preview could not be started. Close it and open it again.')
  } catch (error) {
    say(`The preview can’t run in this browser: ${error instanceof Error ? error.message : ''}`)
  }
}

void boot()
