/** The keys that leave an attached terminal (moby/term, ascii.go and proxy.go). */

export const DEFAULT_DETACH_KEYS = 'ctrl-p,ctrl-q'

/**
 * `ctrl-p,ctrl-q` → bytes.
 * @throws Error as Docker words it
 */
export function parseDetachKeys(text: string): Uint8Array {
  return Uint8Array.from(
    text.split(',').map((key) => {
      if (key.length === 1) return key.charCodeAt(0)
      if (key === 'DEL') return 127
      const letter = /^ctrl-([a-zA-Z@[\\\]^_])$/.exec(key)?.[1]
      if (letter === undefined) throw new Error(`Unknown character: '${key}'`)
      return letter.toUpperCase().charCodeAt(0) - 64
    }),
  )
}

/** Watches what is typed. Keys that may begin the sequence are held back until it is clear. */
export class DetachKeys {
  readonly #keys: Uint8Array
  #matched = 0

  constructor(keys: Uint8Array) {
    this.#keys = keys
  }

  /** What to pass on, and whether the sequence is complete; what was typed after it is lost. */
  filter(bytes: Uint8Array): { readonly pass: Uint8Array; readonly detached: boolean } {
    const pass: number[] = []
    for (const byte of bytes) {
      if (byte === this.#keys[this.#matched]) {
        this.#matched++
        if (this.#matched === this.#keys.length)
          return { pass: Uint8Array.from(pass), detached: true }
        continue
      }
      pass.push(...this.#keys.subarray(0, this.#matched))
      this.#matched = 0
      if (byte === this.#keys[0] && this.#keys.length > 1) this.#matched = 1
      else pass.push(byte)
    }
    return { pass: Uint8Array.from(pass), detached: false }
  }
}
