import { GuestMemory } from '../../src/machine/guest-memory.ts'
import type { V86Cpu, V86Queue, V86Virtio, VirtioOptions } from '../../src/machine/v86-internals.ts'
import {
  readVsockHeader,
  STREAM,
  VSOCK_HEADER_SIZE,
  vsockOperation,
  writeVsockHeader,
  type VsockHeader,
} from '../../src/machine/vsock-packet.ts'

type Writable<T> = { -readonly [K in keyof T]: T[K] }

/** v86's transport without v86: what the device under test sees of it. */
class PlainVirtio implements V86Virtio {
  device_status = 0
  interrupts = 0
  readonly queues: Writable<V86Queue>[]
  readonly options: VirtioOptions

  constructor(_cpu: unknown, options: VirtioOptions) {
    this.options = options
    this.queues = options.common.queues.map(({ size_supported }) => ({
      size: size_supported,
      enabled: false,
      desc_addr: 0,
      avail_addr: 0,
      used_addr: 0,
      avail_last_idx: 0,
    }))
  }

  raise_irq(): void {
    this.interrupts++
  }

  notify_config_changes(): void {}

  set_state(): void {}

  reset(): void {
    this.device_status = 0
  }

  is_feature_negotiated(feature: number): boolean {
    return this.options.common.features.includes(feature)
  }
}

const MEMORY = 4 * 1024 * 1024
const BUFFERS = 0x10_0000
const BUFFER_SIZE = 3776

/** A guest's vsock driver in a few lines: enough to talk to the device, and to lie to it. */
export class VsockGuest {
  readonly cpu: V86Cpu
  readonly memory: GuestMemory
  #usedRx = 0
  #posted = 0
  #forwarded = 0

  constructor() {
    const memory = new WebAssembly.Memory({ initial: MEMORY / 65_536 })
    const virtio = new PlainVirtio(undefined, {
      common: { queues: [], features: [] },
    } as unknown as VirtioOptions)
    this.cpu = {
      wasm_memory: memory,
      mem8: new Uint8Array(memory.buffer),
      jit_dirty_cache: () => undefined,
      devices: { virtio_9p: { virtio, tag_bufchain: new Map() } },
    } as unknown as V86Cpu
    this.memory = new GuestMemory(this.cpu)
  }

  /** Bring the driver up: rings at fixed places, all receive buffers posted. */
  start(device: V86Virtio): void {
    const virtio = device as PlainVirtio
    virtio.queues.forEach((queue, index) => {
      queue.desc_addr = 0x1_0000 + index * 0x4000
      queue.avail_addr = queue.desc_addr + 0x2000
      queue.used_addr = queue.desc_addr + 0x3000
      queue.enabled = true
    })
    virtio.device_status = 15
    for (let count = 0; count < 128; count++) this.#post(device, count)
    this.#notify(device, 0)
  }

  /** Send a packet as the guest. */
  send(
    device: V86Virtio,
    header: Partial<VsockHeader>,
    payload: Uint8Array = new Uint8Array(0),
  ): void {
    const queue = this.#queue(device, 1)
    const index = this.memory.u16(queue.avail_addr + 2)
    const slot = index % queue.size
    const address = BUFFERS + 0x18_0000
    const bytes = new Uint8Array(VSOCK_HEADER_SIZE + payload.length)
    writeVsockHeader(bytes, {
      sourceCid: 3,
      destinationCid: 2,
      sourcePort: 1024,
      destinationPort: 0,
      length: payload.length,
      type: STREAM,
      operation: vsockOperation.data,
      flags: 0,
      bufferSize: 65_536,
      forwarded: this.#forwarded,
      ...header,
    })
    bytes.set(payload, VSOCK_HEADER_SIZE)
    this.memory.copyIn(address, bytes)
    this.#descriptor(queue, slot, address, bytes.length, 0)
    this.memory.setU16(queue.avail_addr + 4 + 2 * slot, slot)
    this.memory.setU16(queue.avail_addr + 2, index + 1)
    this.#notify(device, 1)
  }

  /** The packets that came since the last call; their buffers are posted again. */
  receive(device: V86Virtio): { readonly header: VsockHeader; readonly payload: Uint8Array }[] {
    const queue = this.#queue(device, 0)
    const packets = []
    while (this.#usedRx !== this.memory.u16(queue.used_addr + 2)) {
      const entry = queue.used_addr + 4 + 8 * (this.#usedRx % queue.size)
      const id = this.memory.u32(entry)
      const bytes = new Uint8Array(this.memory.u32(entry + 4))
      this.memory.copyOut(BUFFERS + id * 4096, bytes, 0, bytes.length)
      const header = readVsockHeader(bytes)
      if (!header) throw new Error('The device sent a broken header')
      packets.push({ header, payload: bytes.subarray(VSOCK_HEADER_SIZE) })
      this.#usedRx = (this.#usedRx + 1) & 0xffff
      this.#forwarded += header.length
      this.#post(device, id)
    }
    return packets
  }

  /** Tell the device that buffers were posted. */
  notify(device: V86Virtio, queue: number): void {
    this.#notify(device, queue)
  }

  #post(device: V86Virtio, id: number): void {
    const queue = this.#queue(device, 0)
    this.#descriptor(queue, id, BUFFERS + id * 4096, BUFFER_SIZE, 2)
    this.memory.setU16(queue.avail_addr + 4 + 2 * (this.#posted % queue.size), id)
    this.#posted = (this.#posted + 1) & 0xffff
    this.memory.setU16(queue.avail_addr + 2, this.#posted)
  }

  #descriptor(
    queue: V86Queue,
    index: number,
    address: number,
    length: number,
    flags: number,
  ): void {
    const at = queue.desc_addr + 16 * index
    this.memory.setU32(at, address)
    this.memory.setU32(at + 4, 0)
    this.memory.setU32(at + 8, length)
    this.memory.setU16(at + 12, flags)
    this.memory.setU16(at + 14, 0)
  }

  #queue(device: V86Virtio, index: number): V86Queue {
    const queue = device.queues[index]
    if (!queue) throw new RangeError('No such queue')
    return queue
  }

  #notify(device: V86Virtio, queue: number): void {
    ;(device as PlainVirtio).options.notification.handlers[queue]?.()
  }
}
