import { EngineError } from '../../core/error.ts'

/** Milliseconds between requests to the owner, and without an answer until the lock is taken from it. */
const ASK_EVERY = 500
const PATIENCE = 3_000
/** Milliseconds for an owner that answers to store what it has. */
const LEAVING_TIME = 30_000

type Message = 'please leave' | 'leaving'

/** Hold of an engine id. Disposing it lets another tab have it. */
export interface EngineLock extends Disposable {
  /** Another tab wants it: dispose soon. */
  readonly asked: Promise<void>
  /** Another tab has it already, as this one did not answer. */
  readonly taken: Promise<void>
}

/**
 * Hold an engine id against other tabs (Web Locks API). Locks alone don't protect the stores: who was frozen or hung wakes up
 * without one; the number that is part of each transaction does.
 * @param options.takeOver ask the tab that holds it to leave, and take it if that tab does not answer
 * @throws EngineError `conflict` when another tab holds it, `unavailable` when the browser gives the site no storage
 */
export async function lockEngine(
  engineId: string,
  { takeOver = false }: { readonly takeOver?: boolean } = {},
): Promise<EngineLock> {
  const name = `drydock:${engineId}`
  const channel = new BroadcastChannel(name)
  try {
    const hold =
      (await request(name, { ifAvailable: true })) ??
      (takeOver ? await askAndTake(name, channel) : undefined)
    if (!hold) throw new EngineError('conflict', 'This playground is open in another tab.')
    return owned(hold, channel)
  } catch (error) {
    channel.close()
    throw error
  }
}

interface Hold {
  readonly release: () => void
  /** Another has taken the lock. */
  readonly stolen: Promise<void>
}

/** @returns undefined when it is not available */
function request(name: string, options: LockOptions): Promise<Hold | undefined> {
  let release: () => void = () => undefined
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  return new Promise((resolve, reject) => {
    let isHeld = false
    const ended = navigator.locks.request(name, options, async (lock) => {
      isHeld = lock !== null
      resolve(isHeld ? { release, stolen } : undefined)
      if (isHeld) await held
    })
    const stolen = new Promise<void>((tell) => {
      ended.catch((error: unknown) => {
        if (isHeld) tell()
        else reject(options.signal?.aborted ? (options.signal.reason as Error) : noStorage(error))
      })
    })
  })
}

/** Chromium refuses locks with "The request was denied." where it refuses IndexedDB. */
const noStorage = (cause: unknown): EngineError =>
  new EngineError(
    'unavailable',
    'This browser keeps no data for this site, and Drydock has to store images and containers. Allow site data, then try again.',
    { cause },
  )

/** As long as the owner answers, it is waited for: it stores what it has. */
async function askAndTake(name: string, channel: BroadcastChannel): Promise<Hold | undefined> {
  const asked = performance.now()
  let answered: number | undefined
  channel.addEventListener('message', ({ data }) => {
    if ((data as Message) === 'leaving') answered ??= performance.now()
  })
  const waiting = new AbortController()
  const granted = request(name, { signal: waiting.signal })
  granted.catch(() => undefined)
  for (;;) {
    channel.postMessage('please leave' satisfies Message)
    const hold = await Promise.race([granted, pause(ASK_EVERY)])
    if (hold) return hold
    const now = performance.now()
    const isLate = answered === undefined ? now - asked > PATIENCE : now - answered > LEAVING_TIME
    if (!isLate) continue
    waiting.abort(new EngineError('conflict', 'The other tab does not answer'))
    return request(name, { steal: true })
  }
}

const pause = (milliseconds: number): Promise<undefined> =>
  new Promise((resolve) => {
    setTimeout(() => resolve(undefined), milliseconds)
  })

function owned(hold: Hold, channel: BroadcastChannel): EngineLock {
  const asked = new Promise<void>((resolve) => {
    channel.addEventListener('message', ({ data }) => {
      if ((data as Message) !== 'please leave') return
      channel.postMessage('leaving' satisfies Message)
      resolve()
    })
  })
  return {
    asked,
    taken: hold.stolen,
    [Symbol.dispose]: () => {
      channel.close()
      hold.release()
    },
  }
}
