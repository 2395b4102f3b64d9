import { DISK_BLOCK, type DiskStore } from '../../src/ports/disk-store.ts'

export type BlockOperation =
  | { readonly kind: 'write'; readonly offset: number; readonly bytes: Uint8Array }
  | { readonly kind: 'discard'; readonly offset: number; readonly length: number }
  | { readonly kind: 'flush' }

/** A disk that remembers what a guest did to it, in order. A flush is there before it is answered. */
export class RecordedDisk implements DiskStore {
  readonly operations: BlockOperation[] = []
  readonly #store: DiskStore

  constructor(store: DiskStore) {
    this.#store = store
  }

  get size(): number {
    return this.#store.size
  }

  read(offset: number, length: number): Uint8Array | Promise<Uint8Array> {
    return this.#store.read(offset, length)
  }

  write(offset: number, bytes: Uint8Array): void | Promise<void> {
    this.operations.push({ kind: 'write', offset, bytes })
    return this.#store.write(offset, bytes)
  }

  discard(offset: number, length: number): void {
    this.operations.push({ kind: 'discard', offset, length })
    this.#store.discard(offset, length)
  }

  flush(): Promise<void> {
    this.operations.push({ kind: 'flush' })
    return this.#store.flush()
  }

  grow(size: number): Promise<void> {
    return this.#store.grow(size)
  }

  usage(): ReturnType<DiskStore['usage']> {
    return this.#store.usage()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#store[Symbol.asyncDispose]()
  }
}

/** The blocks of an image by number; what is absent is zero. */
export type Image = Map<number, Uint8Array>

export function apply(image: Image, operation: BlockOperation): void {
  if (operation.kind === 'write') {
    const { offset, bytes } = operation
    for (let at = 0; at < bytes.length; at += DISK_BLOCK)
      image.set((offset + at) / DISK_BLOCK, bytes.subarray(at, at + DISK_BLOCK))
  } else if (operation.kind === 'discard') {
    const end = operation.offset + operation.length
    for (let at = operation.offset; at < end; at += DISK_BLOCK) image.delete(at / DISK_BLOCK)
  }
}
