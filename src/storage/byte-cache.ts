/** Bytes by number, the least used forgotten first when there are more than `bound`. */
export class ByteCache {
  readonly #bound: number
  readonly #entries = new Map<number, Uint8Array>()
  #size = 0

  constructor(bound: number) {
    this.#bound = bound
  }

  get(key: number): Uint8Array | undefined {
    const bytes = this.#entries.get(key)
    if (bytes) {
      // A Map's order is that of insertion.
      this.#entries.delete(key)
      this.#entries.set(key, bytes)
    }
    return bytes
  }

  set(key: number, bytes: Uint8Array): void {
    this.delete(key)
    this.#entries.set(key, bytes)
    this.#size += bytes.length
    for (const oldest of this.#entries.keys()) {
      if (this.#size <= this.#bound || this.#entries.size === 1) break
      this.delete(oldest)
    }
  }

  delete(key: number): void {
    this.#size -= this.#entries.get(key)?.length ?? 0
    this.#entries.delete(key)
  }

  clear(): void {
    this.#entries.clear()
    this.#size = 0
  }
}
