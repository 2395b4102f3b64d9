import type { GuestMemory } from './guest-memory.ts'
import { ninepDevice, type NinepHandler } from './ninep-device.ts'
import type { V86Cpu, V86Virtio } from './v86-internals.ts'
import { attachVirtioDevice } from './virtio-device.ts'
import type { Chain, VirtioQueue } from './virtio-queue.ts'

/** Mount tag of the device that directories of the host's machine are behind. */
export const SHARES_TAG = 'shares'
export const SHARES_SLOT = 0x10
/** Outside of where the firmware moves the windows to. */
const PORT = 0xe800
const QUEUE = 128
/** VIRTIO_9P_F_MOUNT_TAG (virtio 1.2, 5.15; linux/virtio_9p.h). */
const MOUNT_TAG = 0
/** Longest request that is taken: msize, and its header's rounding. */
const REQUEST_MAX = 524_288

export interface ShareDeviceOptions {
  readonly shares: NinepHandler
  readonly onError: (error: unknown) => void
}

/** A second 9p device, as v86 has one alone and Linux mounts each once. */
export class ShareDevice implements Disposable {
  readonly virtio: V86Virtio
  readonly #queue: VirtioQueue
  readonly #handle: ReturnType<typeof ninepDevice>
  /** Answers to requests of a driver that is gone are dropped. */
  #generation = 0
  #pending = 0

  constructor(cpu: V86Cpu, memory: GuestMemory, { shares, onError }: ShareDeviceOptions) {
    this.#handle = ninepDevice(shares, onError)
    const tag = new TextEncoder().encode(SHARES_TAG)
    const device = attachVirtioDevice(cpu, memory, {
      name: 'drydock-shares',
      type: 9,
      slot: SHARES_SLOT,
      port: PORT,
      queues: [QUEUE],
      features: [MOUNT_TAG],
      config: [
        { bytes: 2, name: 'tag length', read: () => tag.length, write: () => undefined },
        ...Array.from(tag, (byte, at) => ({
          bytes: 1 as const,
          name: `tag ${at}`,
          read: () => byte,
          write: () => undefined,
        })),
      ],
      onNotify: () => this.#resume(),
      onReset: () => this.#forget(),
      onError,
    })
    this.virtio = device.virtio
    const [queue] = device.queues
    if (!queue) throw new RangeError('The queue is missing')
    this.#queue = queue
  }

  /** Requests that wait for an answer; no state can be saved meanwhile. */
  get pending(): number {
    return this.#pending
  }

  [Symbol.dispose](): void {
    this.#forget()
  }

  #forget(): void {
    this.#generation++
    this.#pending = 0
    this.#queue.forget()
  }

  #resume(): void {
    for (;;) {
      const chain = this.#queue.pop()
      if (!chain) break
      this.#answer(chain)
    }
    this.#queue.signal()
  }

  #answer(chain: Chain): void {
    const request = new Uint8Array(Math.min(chain.readable, REQUEST_MAX))
    chain.read(0, request)
    let target = chain
    let answered = false
    const generation = this.#generation
    this.#handle(request, (reply) => {
      answered = true
      if (generation !== this.#generation) return
      this.#queue.push(target, target.write(0, reply))
      if (target === chain) return
      this.#pending--
      this.#queue.signal()
    })
    if (answered) return
    // What is answered later needs buffers of its own: the queue's chain is that of the next request then.
    target = chain.keep()
    this.#pending++
  }
}
