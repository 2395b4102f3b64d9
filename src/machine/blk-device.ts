import { EngineError } from '../core/error.ts'
import type { DiskStore } from '../ports/disk-store.ts'
import { BLK_HEADER_SIZE, blkConfig, blkFeatures, blkStatus, blkType } from './blk-protocol.ts'
import type { GuestMemory } from './guest-memory.ts'
import type { V86Cpu, V86Virtio } from './v86-internals.ts'
import { attachVirtioDevice } from './virtio-device.ts'
import type { Chain, VirtioQueue } from './virtio-queue.ts'

export const BLK_SLOT = 0x0f
/** Outside of where the firmware moves the windows to. */
const PORT = 0xe400
const QUEUE = 256
const SECTOR = 512
/** Bytes of one range of DISCARD and WRITE_ZEROES: sector, count, flags. */
const RANGE_SIZE = 16
const RANGES_MAX = 256
/** Between attempts to store what a full store did not take. */
const RETRY = 1000

/** What the device needs of a disk. */
export type BlkStore = Pick<DiskStore, 'size' | 'read' | 'write' | 'discard' | 'flush'>

/** 4 GiB that take no space until they are used. */
export const DEFAULT_DISK_SIZE: number = 4 * 2 ** 30

/** A disk of zeros, for a snapshot: nothing may be written to it. */
export const emptyDisk: BlkStore = {
  size: DEFAULT_DISK_SIZE,
  read: (_offset, length) => new Uint8Array(length),
  write: () => {
    throw new EngineError('unavailable', 'There is no disk')
  },
  discard: () => undefined,
  flush: () => Promise.resolve(),
}

export interface BlkOptions {
  readonly store: BlkStore
  /** What the store can't take now: the guest waits. undefined: it goes on. */
  readonly onTrouble: (reason: string | undefined) => void
  readonly onError: (error: unknown) => void
}

/**
 * virtio-blk (virtio 1.2, 5.2). Reads that need the store are answered in any order, FLUSH after the commit. A store that
 * is full makes the guest wait; it never becomes an I/O error under a database.
 */
export class BlkDevice implements Disposable {
  readonly virtio: V86Virtio
  readonly #store: BlkStore
  readonly #queue: VirtioQueue
  readonly #options: BlkOptions
  /** Answers to requests of a driver that is gone are dropped. */
  #generation = 0
  #pending = 0
  #troubled = false
  readonly #stop = new AbortController()

  constructor(cpu: V86Cpu, memory: GuestMemory, options: BlkOptions) {
    this.#store = options.store
    this.#options = options
    const device = attachVirtioDevice(cpu, memory, {
      name: 'drydock-blk',
      type: 2,
      slot: BLK_SLOT,
      port: PORT,
      queues: [QUEUE],
      features: blkFeatures,
      config: blkConfig(() => this.#store.size, QUEUE),
      onNotify: () => this.resume(),
      onReset: () => {
        this.#generation++
        this.#pending = 0
        this.#queue.forget()
      },
      onError: options.onError,
    })
    this.virtio = device.virtio
    const [queue] = device.queues
    if (!queue) throw new RangeError('The queue is missing')
    this.#queue = queue
  }

  /** Requests that wait for the store; no state can be saved meanwhile. */
  get pending(): number {
    return this.#pending
  }

  /** Tell the driver that the disk's size is another one. */
  announceSize(): void {
    this.virtio.notify_config_changes()
  }

  /** Take up what waits in the ring. */
  resume(): void {
    for (;;) {
      const chain = this.#queue.pop()
      if (!chain) break
      this.#handle(chain)
    }
    this.#queue.signal()
  }

  [Symbol.dispose](): void {
    this.#generation++
    this.#stop.abort()
  }

  #handle(chain: Chain): void {
    const header = new Uint8Array(BLK_HEADER_SIZE)
    if (chain.writable < 1 || chain.read(0, header) < BLK_HEADER_SIZE) {
      this.#queue.push(chain, 0)
      return
    }
    const view = new DataView(header.buffer)
    const offset = (view.getUint32(8, true) + view.getUint32(12, true) * 2 ** 32) * SECTOR
    try {
      const work = this.#perform(chain, view.getUint32(0, true), offset)
      if (work instanceof Promise) this.#later(chain, work)
      else this.#answer(chain, blkStatus.ok)
    } catch (error) {
      this.#answer(chain, this.#statusOf(error))
    }
  }

  #perform(chain: Chain, type: number, offset: number): void | Promise<void> {
    switch (type) {
      case blkType.read: {
        const bytes = this.#store.read(offset, chain.writable - 1)
        if (bytes instanceof Uint8Array) return void chain.write(0, bytes)
        const generation = this.#generation
        const kept = chain.keep()
        const write = async (): Promise<void> => {
          const late = await bytes
          // Otherwise the buffers are the driver's again.
          if (generation === this.#generation) kept.write(0, late)
        }
        return write()
      }
      case blkType.write: {
        const bytes = new Uint8Array(chain.readable - BLK_HEADER_SIZE)
        chain.read(BLK_HEADER_SIZE, bytes)
        const room = this.#store.write(offset, bytes)
        return room && this.#stored(room)
      }
      case blkType.flush:
        return this.#stored(this.#store.flush())
      case blkType.id:
        return void chain.write(0, new TextEncoder().encode('drydock\0'))
      case blkType.discard:
      case blkType.zero:
        return this.#discard(chain)
      default:
        throw new EngineError('not-implemented', `no such request: ${type}`)
    }
  }

  #discard(chain: Chain): void {
    const ranges = new Uint8Array(
      Math.min(chain.readable - BLK_HEADER_SIZE, RANGES_MAX * RANGE_SIZE),
    )
    chain.read(BLK_HEADER_SIZE, ranges)
    const view = new DataView(ranges.buffer)
    for (let at = 0; at + RANGE_SIZE <= ranges.length; at += RANGE_SIZE) {
      const sector = view.getUint32(at, true) + view.getUint32(at + 4, true) * 2 ** 32
      const length = view.getUint32(at + 8, true) * SECTOR
      this.#store.discard(sector * SECTOR, length)
    }
  }

  /** Waits until it is in the store, however often that takes a new attempt. */
  async #stored(first: Promise<void>): Promise<void> {
    let attempt = first
    for (;;) {
      try {
        await attempt
        if (this.#troubled) {
          this.#troubled = false
          this.#options.onTrouble(undefined)
        }
        return
      } catch (error) {
        if (!(error instanceof EngineError) || error.code !== 'unavailable') throw error
        if (this.#stop.signal.aborted) throw error
        this.#troubled = true
        this.#options.onTrouble(error.message)
        await pause(RETRY, this.#stop.signal)
        attempt = this.#store.flush()
      }
    }
  }

  #later(current: Chain, work: Promise<void>): void {
    const chain = current.keep()
    const generation = this.#generation
    this.#pending++
    const finish = async (): Promise<void> => {
      const status = await work.then(
        () => blkStatus.ok,
        (error: unknown) => this.#statusOf(error),
      )
      if (generation !== this.#generation) return
      this.#pending--
      this.#answer(chain, status)
      this.#queue.signal()
    }
    finish().catch(this.#options.onError)
  }

  #answer(chain: Chain, status: number): void {
    chain.write(chain.writable - 1, Uint8Array.of(status))
    this.#queue.push(chain, chain.writable)
  }

  #statusOf(error: unknown): number {
    if (error instanceof EngineError && error.code === 'not-implemented')
      return blkStatus.unsupported
    if (!this.#stop.signal.aborted) this.#options.onError(error)
    return blkStatus.error
  }
}

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds)
    signal.addEventListener(
      'abort',
      () => {
        clearTimeout(timer)
        resolve()
      },
      { once: true },
    )
  })
}
