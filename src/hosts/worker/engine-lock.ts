import { EngineError } from '../../core/error.ts'

/**
 * Hold an engine id against other tabs until disposed or until the tab is gone (Web Locks API).
 * @throws EngineError `conflict` when another tab holds it
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
      .catch(reject)
  })
  if (!granted) {
    throw new EngineError(
      'conflict',
      'This playground is open in another tab. Close it there, then try again.',
    )
  }
  return { [Symbol.dispose]: release }
}
