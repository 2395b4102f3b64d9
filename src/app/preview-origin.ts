import { EngineError } from '../core/error.ts'
import { siteSettings } from './site-settings.ts'

/** As the setting has to be: a scheme, `*.`, a name and perhaps a port. */
const SETTING = /^https?:\/\/\*\.[a-z0-9.-]+(:\d+)?$/

/** Tabs that show previews at once, at most. */
const SLOTS = 64
/** Milliseconds that a reloaded page waits for the slot it had: the page before it may not be gone yet. */
const SLOT_TIME = 2_000
const SLOT_KEY = 'drydock-preview-slot'

let slot: Promise<number> | undefined
let isRestricted = false

/**
 * The origin of a port's preview in this tab. One service worker serves all frames of an origin, so each tab has its own.
 * @throws EngineError `unavailable` when the site has no origin for previews; the message says so to a visitor
 */
export async function previewOriginOf(port: number): Promise<string> {
  const { preview } = await siteSettings()
  if (preview === undefined) {
    throw new EngineError(
      'unavailable',
      'Previews are off on this site: a container’s page needs an address of its own, and none is set. The site’s owner sets one as “preview” in config.json. In the shell, curl shows the page.',
    )
  }
  if (!SETTING.test(preview)) {
    throw new EngineError(
      'unavailable',
      `Previews are off on this site: “preview” in config.json is ${JSON.stringify(preview)}, and has to be like https://*.preview.example.`,
    )
  }
  if (
    preview.startsWith(`${location.protocol}//*.${location.hostname}`) &&
    location.hostname !== 'localhost'
  ) {
    throw new EngineError(
      'unavailable',
      'Previews are off on this site: their address has to be of another domain than the page’s.',
    )
  }
  restrictFrames(preview)
  slot ??= takeSlot()
  return preview.replace('*', `s${await slot}-${port}`)
}

/** The policy of index.html can't know the setting; another one can only take away. */
function restrictFrames(sources: string): void {
  if (isRestricted) return
  isRestricted = true
  const policy = document.createElement('meta')
  policy.httpEquiv = 'Content-Security-Policy'
  policy.content = `frame-src ${sources}`
  document.head.append(policy)
}

async function takeSlot(): Promise<number> {
  const before = Number(sessionStorage.getItem(SLOT_KEY) ?? Number.NaN)
  const signal = AbortSignal.timeout(SLOT_TIME)
  if (Number.isInteger(before) && (await hold(before, { signal }))) return before
  for (let candidate = 0; candidate < SLOTS; candidate++) {
    if (!(await hold(candidate, { ifAvailable: true }))) continue
    sessionStorage.setItem(SLOT_KEY, String(candidate))
    return candidate
  }
  throw new EngineError('unavailable', 'Too many tabs show previews. Close one of them.')
}

/** Until the page is gone (Web Locks API). */
function hold(candidate: number, options: LockOptions): Promise<boolean> {
  return new Promise((resolve) => {
    navigator.locks
      .request(`${SLOT_KEY}-${candidate}`, options, (lock) => {
        resolve(lock !== null)
        return lock ? new Promise(() => undefined) : undefined
      })
      .catch(() => resolve(false))
  })
}
