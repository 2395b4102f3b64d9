import type { GuestMemory } from './guest-memory.ts'
import type { V86Queue, V86Virtio } from './v86-internals.ts'

const NEXT = 1
const WRITE = 2
const INDIRECT = 4
/** More descriptors than any driver of ours chains: a disk's request has 254 segments and two more. */
const CHAIN_MAX = 260

/**
 * One request of the driver: buffers the device reads, then buffers it writes. A queue has one such object; it is valid until
 * the next `pop`.
 */
export class Chain {
  head = 0
  /** Bytes of either part. */
  readable = 0
  writable = 0
  readonly #memory: GuestMemory
  /** Addresses and lengths by turns. */
  readonly #read: number[] = []
  readonly #write: number[] = []

  constructor(memory: GuestMemory) {
    this.#memory = memory
  }

  begin(head: number): void {
    this.head = head
    this.readable = this.writable = this.#read.length = this.#write.length = 0
  }

  /** @returns false for a buffer to read behind one to write, which the specification forbids */
  add(address: number, length: number, writable: boolean): boolean {
    if (writable) {
      this.#write.push(address, length)
      this.writable += length
    } else {
      if (this.#write.length > 0) return false
      this.#read.push(address, length)
      this.readable += length
    }
    return true
  }

  /** Copy from the readable part, from `offset` on. @returns bytes copied: what is there */
  read(offset: number, target: Uint8Array): number {
    const buffers = this.#read
    let skip = offset
    let done = 0
    for (let index = 0; index < buffers.length && done < target.length; index += 2) {
      const size = buffers[index + 1] ?? 0
      if (skip >= size) {
        skip -= size
        continue
      }
      const length = Math.min(size - skip, target.length - done)
      this.#memory.copyOut((buffers[index] ?? 0) + skip, target, done, length)
      done += length
      skip = 0
    }
    return done
  }

  /** A copy that stays valid after the next `pop`, for what is answered later. */
  keep(): Chain {
    const kept = new Chain(this.#memory)
    kept.begin(this.head)
    kept.#read.push(...this.#read)
    kept.#write.push(...this.#write)
    kept.readable = this.readable
    kept.writable = this.writable
    return kept
  }

  /** Copy into the writable part at `offset`. @returns bytes copied */
  write(offset: number, source: Uint8Array): number {
    const buffers = this.#write
    let skip = offset
    let done = 0
    for (let index = 0; index < buffers.length && done < source.length; index += 2) {
      const size = buffers[index + 1] ?? 0
      if (skip >= size) {
        skip -= size
        continue
      }
      const length = Math.min(size - skip, source.length - done)
      this.#memory.copyIn((buffers[index] ?? 0) + skip, source.subarray(done, done + length))
      done += length
      skip = 0
    }
    return done
  }
}

/**
 * A split virtqueue seen from the device (virtio 1.2, 2.7). The rings lie in guest memory: a broken descriptor makes
 * its chain empty, never a fault of ours.
 */
export class VirtioQueue {
  readonly #memory: GuestMemory
  readonly #virtio: V86Virtio
  readonly #queue: V86Queue
  readonly #chain: Chain
  #unsignalled = 0

  constructor(memory: GuestMemory, virtio: V86Virtio, index: number) {
    const queue = virtio.queues[index]
    if (!queue) throw new RangeError(`No queue ${index}`)
    this.#memory = memory
    this.#virtio = virtio
    this.#queue = queue
    this.#chain = new Chain(memory)
  }

  /** v86 never tells when the driver is ready; before that the rings are at guest address 0. */
  get ready(): boolean {
    const { desc_addr, avail_addr, used_addr, size } = this.#queue
    return (
      (this.#virtio.device_status & 4) !== 0 &&
      this.#queue.enabled &&
      this.#memory.contains(desc_addr >>> 0, 16 * size) &&
      this.#memory.contains(avail_addr >>> 0, 6 + 2 * size) &&
      this.#memory.contains(used_addr >>> 0, 6 + 8 * size)
    )
  }

  get size(): number {
    return this.#queue.size
  }

  /** Used entries that no interrupt has told of. */
  get unsignalled(): number {
    return this.#unsignalled
  }

  /** Requests waiting; 0 while not ready. */
  get available(): number {
    if (!this.ready) return 0
    const index = this.#memory.u16((this.#queue.avail_addr >>> 0) + 2)
    const count = (index - this.#queue.avail_last_idx) & 0xffff
    return count > this.#queue.size ? 0 : count
  }

  /** @returns the next request, or undefined */
  pop(): Chain | undefined {
    if (this.available === 0) return undefined
    const queue = this.#queue
    const entry = (queue.avail_addr >>> 0) + 4 + 2 * (queue.avail_last_idx & (queue.size - 1))
    const head = this.#memory.u16(entry)
    queue.avail_last_idx = (queue.avail_last_idx + 1) & 0xffff
    return this.#parse(head)
  }

  /** Give a request back to the driver. */
  push(chain: Chain, written: number): void {
    const used = this.#queue.used_addr >>> 0
    const index = this.#memory.u16(used + 2)
    const entry = used + 4 + 8 * (index & (this.#queue.size - 1))
    this.#memory.setU32(entry, chain.head)
    this.#memory.setU32(entry + 4, written)
    this.#memory.setU16(used + 2, index + 1)
    this.#unsignalled++
  }

  /** Interrupt the driver if there is news and it wants to know. @returns whether an interrupt was raised */
  signal(): boolean {
    if (this.#unsignalled === 0 || !this.ready) return false
    this.#unsignalled = 0
    if ((this.#memory.u16(this.#queue.avail_addr >>> 0) & 1) !== 0) return false
    this.#virtio.raise_irq(1)
    return true
  }

  /** Forget what was not signalled: the driver went away, or was told otherwise. */
  forget(): void {
    this.#unsignalled = 0
  }

  #parse(head: number): Chain {
    const memory = this.#memory
    const chain = this.#chain
    chain.begin(head)
    let table = this.#queue.desc_addr >>> 0
    let entries = this.#queue.size
    let index = head
    for (let count = 0; count < CHAIN_MAX; count++) {
      const descriptor = table + 16 * index
      if (index >= entries || !memory.contains(descriptor, 16)) break
      const address = memory.u32(descriptor)
      const length = memory.u32(descriptor + 8)
      const flags = memory.u16(descriptor + 12)
      if (memory.u32(descriptor + 4) !== 0 || !memory.contains(address, length)) break
      if (flags & INDIRECT) {
        if (table !== this.#queue.desc_addr >>> 0) break
        table = address
        entries = length >>> 4
        index = 0
        continue
      }
      if (!chain.add(address, length, (flags & WRITE) !== 0) || (flags & NEXT) === 0) break
      index = memory.u16(descriptor + 14)
    }
    return chain
  }
}
