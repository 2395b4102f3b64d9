/**
 * The inner parts of v86 0.5.462 that Drydock touches, as a narrow view. They are no public interface of v86: the version is
 * pinned, and `V86Internals` is the one place where its objects are cast to these types (emulator.ts).
 */

/** VirtQueue of src/virtio.js. The ring itself is walked by virtio-queue.ts; these fields are what a saved state holds. */
export interface V86Queue {
  readonly size: number
  readonly enabled: boolean
  readonly desc_addr: number
  readonly avail_addr: number
  readonly used_addr: number
  /** Free running, modulo 65536. */
  avail_last_idx: number
}

/** VirtIO of src/virtio.js: the PCI transport of one device. */
export interface V86Virtio {
  readonly queues: readonly V86Queue[]
  /** Bit 2 is DRIVER_OK. */
  readonly device_status: number
  raise_irq(type: number): void
  /** Tells a running driver to read the device's configuration again. */
  notify_config_changes(): void
  set_state(state: unknown[]): void
  /** The driver wrote status 0; replaced by devices that hold state of their own. */
  reset(): void
  is_feature_negotiated(feature: number): boolean
}

export interface VirtioField {
  readonly bytes: 1 | 2 | 4
  readonly name: string
  readonly read: () => number
  readonly write: (value: number) => void
}

export interface VirtioOptions {
  readonly name: string
  /** Slot << 3. */
  readonly pci_id: number
  readonly device_id: number
  readonly subsystem_device_id: number
  readonly common: {
    readonly initial_port: number
    readonly queues: readonly { readonly size_supported: number; readonly notify_offset: number }[]
    readonly features: readonly number[]
    readonly on_driver_ok: () => void
  }
  readonly notification: {
    readonly initial_port: number
    readonly single_handler: false
    readonly handlers: readonly (() => void)[]
  }
  readonly isr_status: { readonly initial_port: number }
  readonly device_specific: {
    readonly initial_port: number
    readonly struct: readonly VirtioField[]
  }
}

export type V86VirtioConstructor = new (cpu: V86Cpu, options: VirtioOptions) => V86Virtio

/** A cell of the emulated CPU: a view that follows the growth of the wasm memory. */
type Cell = { [index: number]: number }

export interface V86Cpu {
  readonly wasm_memory: WebAssembly.Memory
  /** A view that is made anew at each access: read `byteOffset` and `length` only. */
  readonly mem8: { readonly byteOffset: number; readonly length: number }
  readonly in_hlt: Cell
  /** Modulo 2^32. */
  readonly instruction_counter: Cell
  last_result: Cell
  fpu_status_word: Cell
  mxcsr: Cell
  readonly devices: {
    readonly virtio_9p: {
      readonly virtio: V86Virtio & { readonly constructor: V86VirtioConstructor }
      /** Requests that have no answer yet, by tag. */
      readonly tag_bufchain: Map<number, unknown>
    }
  }
  readonly wm: {
    readonly exports: { set_jit_config(index: number, value: number): void }
  }
  /** Drops compiled code of guest-physical addresses from `start` up to `end`. */
  jit_dirty_cache(start: number, end: number): void
  store_current_tsc(): void
  zero_memory(start: number, length: number): void
  get_state(): unknown[]
  set_state(state: unknown[]): void
}

export interface V86Internals {
  readonly v86: {
    readonly cpu: V86Cpu
    /** Ask for `yield_callback(tick)` in `milliseconds`; below 1 means as soon as others had their turn. */
    yield: (milliseconds: number, tick: number) => void
    yield_callback(tick: number): void
    /** Ends the helper worker that v86 starts in browsers. */
    unregister_yield(): void
  }
}
