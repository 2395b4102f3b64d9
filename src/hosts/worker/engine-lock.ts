import { EngineError } from '../../core/error.ts'

/**
 * Hold an engine id against other tabs until disposed or until the tab is gone (Web Locks API).
 * @throws EngineError `conflict` when another tab holds it, `unavailable` when the browser gives the site no storage
 */
export async function lockEngine(engineId: string): Promise<Disposable> {
  let release: () => void = () => undefined
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  const granted = await new Promise<boolean>((resolve, reject) => {
    navigator.locks
      .request(`drydock:${engineId}`, { ifAvailable: true }, async (lock) => {
        resolve(lock !== null)
        if (lock) await held
      })
      .catch((error: unknown) =>
        // Chromium refuses locks with "The request was denied." where it refuses IndexedDB.
        reject(
          new EngineError(
            'unavailable',
            'This browser keeps no data for this site, and Drydock has to store images and containers. Allow site data, then try again.',
            { cause: error },
          ),
        ),
      )
  })
  if (!granted) {
    throw new EngineError(
      'conflict',
      'This playground is open in another tab. Close it there, then try again.',
    )
  }
  return { [Symbol.dispose]: release }
}
