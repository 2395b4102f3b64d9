import type { Clock } from '../../ports/clock.ts'

export const browserClock: Clock = {
  // performance.now() stands still while the computer sleeps.
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: (milliseconds, signal) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason)
        return
      }
      const stop = (): void => {
        clearTimeout(timer)
        reject(signal?.reason)
      }
      const timer = setTimeout(() => {
        signal?.removeEventListener('abort', stop)
        resolve()
      }, milliseconds)
      signal?.addEventListener('abort', stop, { once: true })
    }),
  randomBytes: (length) => {
    const bytes = new Uint8Array(length)
    // getRandomValues gives at most 65,536 bytes a call (Web Cryptography API, 10.1.1).
    for (let at = 0; at < length; at += 65_536) {
      crypto.getRandomValues(bytes.subarray(at, at + 65_536))
    }
    return bytes
  },
}
