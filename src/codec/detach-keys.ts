/** The keys that leave an attached terminal (moby/term, ascii.go and proxy.go). */

export const DEFAULT_DETACH_KEYS = 'ctrl-p,ctrl-q'

const CONTROLS = '@abcdefghijklmnopqrstuvwxyz[\\]^_'

/**
 * `ctrl-p,ctrl-q` as bytes. A key is an ASCII character, `DEL` or `ctrl-` and one of the 32 control characters in lower case.
 * @throws Error in Docker's words
 */
export function parseDetachKeys(keys: string): Uint8Array {
  return Uint8Array.from(keys.split(','), (key) => {
    if (/^[\0-\x7F]$/.test(key)) return key.charCodeAt(0)
    if (key === 'DEL') return 127
    const control = /^ctrl-(.)$/.exec(key)?.[1]
    const code = control === undefined ? -1 : CONTROLS.indexOf(control)
    if (code < 0) throw new Error(`unknown character: '${key}'`)
    return code
  })
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
