import type { GuestMemory } from './guest-memory.ts'
import type { V86Cpu, V86Virtio, VirtioField } from './v86-internals.ts'
import { VirtioQueue } from './virtio-queue.ts'

/** VIRTIO_F_INDIRECT_DESC and VIRTIO_F_VERSION_1. EVENT_IDX (29) is not offered: v86 would interrupt for each reply. */
const FEATURES = [28, 32]

export interface VirtioDeviceOptions {
  readonly name: string
  /** Device type of virtio 1.2, 5: 19 is a socket. */
  readonly type: number
  /** PCI slot. */
  readonly slot: number
  /** Base of the first four I/O windows of 256 ports each; the firmware moves them. */
  readonly port: number
  /** Sizes of the queues, powers of two. */
  readonly queues: readonly number[]
  readonly config: readonly VirtioField[]
  /** Feature bits of the device's own. */
  readonly features?: readonly number[]
  /** The driver kicked a queue. Runs inside the guest's port write. */
  readonly onNotify: (queue: number) => void
  /** The driver let the device go. */
  readonly onReset: () => void
  /** What a handler threw: it must not unwind through the emulator. */
  readonly onError: (error: unknown) => void
}

export interface VirtioDevice {
  readonly virtio: V86Virtio
  readonly queues: readonly VirtioQueue[]
}

/** Puts a device of our own on v86's PCI bus. Before the first instruction runs, and before a state is restored. */
export function attachVirtioDevice(
  cpu: V86Cpu,
  memory: GuestMemory,
  options: VirtioDeviceOptions,
): VirtioDevice {
  const guarded = (action: () => void) => {
    try {
      action()
    } catch (error) {
      options.onError(error)
    }
  }
  // v86 exports no class; every device has one of its instances.
  const VirtIO = cpu.devices.virtio_9p.virtio.constructor
  const virtio = new VirtIO(cpu, {
    name: options.name,
    pci_id: options.slot << 3,
    device_id: 0x1040 + options.type,
    subsystem_device_id: options.type,
    common: {
      initial_port: options.port,
      queues: options.queues.map((size, index) => ({ size_supported: size, notify_offset: index })),
      features: [...(options.features ?? []), ...FEATURES],
      on_driver_ok: () => undefined,
    },
    notification: {
      initial_port: options.port + 0x100,
      single_handler: false,
      handlers: options.queues.map((_, index) => () => guarded(() => options.onNotify(index))),
    },
    isr_status: { initial_port: options.port + 0x200 },
    device_specific: { initial_port: options.port + 0x300, struct: options.config },
  })
  const reset = virtio.reset.bind(virtio)
  virtio.reset = () => {
    reset()
    guarded(options.onReset)
  }
  const queues = options.queues.map((_, index) => new VirtioQueue(memory, virtio, index))
  return { virtio, queues }
}

/** Four bytes of a device's configuration, for reading. */
export const readOnlyWord = (name: string, read: () => number): VirtioField => ({
  bytes: 4,
  name,
  read,
  write: () => undefined,
})
