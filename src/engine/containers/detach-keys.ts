import { EngineError } from '../../core/error.ts'

const controls = '@abcdefghijklmnopqrstuvwxyz[\\]^_'

/**
 * `ctrl-p,ctrl-q` as bytes (moby/term ascii.go).
 * @param keys comma-separated; undefined or empty: Docker's default
 * @throws EngineError `invalid-parameter`
 */
export function parseDetachKeys(keys: string | undefined): Uint8Array {
  const bytes = (keys === undefined || keys === '' ? 'ctrl-p,ctrl-q' : keys)
    .split(',')
    .map((key) => {
      if (key.length === 1) return key.charCodeAt(0)
      const control = key.startsWith('ctrl-') ? key.slice(5) : ''
      if (key === 'DEL') return 127
      const code = control.length === 1 ? controls.indexOf(control) : -1
      if (code < 0) {
        throw new EngineError('invalid-parameter', `Invalid detach keys (${keys}) provided`)
      }
      return code
    })
  return Uint8Array.from(bytes)
}

/** Finds the keys in what a user types. They are held back while they may still become the whole sequence. */
export class DetachScanner {
  readonly #keys: Uint8Array
  #matched = 0

  constructor(keys: Uint8Array) {
    this.#keys = keys
  }

  /** What goes on to the process; after `detached` nothing does. */
  scan(chunk: Uint8Array): { readonly bytes: Uint8Array; readonly detached: boolean } {
    if (this.#matched === 0 && !chunk.includes(this.#keys[0] ?? -1)) {
      return { bytes: chunk, detached: false }
    }
    const out: number[] = []
    for (const byte of chunk) {
      if (byte !== this.#keys[this.#matched]) {
        out.push(...this.#keys.subarray(0, this.#matched))
        this.#matched = 0
      }
      if (byte === this.#keys[this.#matched]) this.#matched++
      else out.push(byte)
      if (this.#matched === this.#keys.length) {
        return { bytes: Uint8Array.from(out), detached: true }
      }
    }
    return { bytes: Uint8Array.from(out), detached: false }
  }
}
