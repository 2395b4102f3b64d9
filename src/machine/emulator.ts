import { V86 } from 'v86'
import { EngineError } from '../core/error.ts'
import { BLK_SLOT, BlkDevice, emptyDisk, type BlkStore } from './blk-device.ts'
import { GuestMemory } from './guest-memory.ts'
import { ninepDevice, pendingNinepRequests, TREES_TAG, type NinepHandler } from './ninep-device.ts'
import { Scheduler } from './scheduler.ts'
import { ShareDevice, SHARES_SLOT } from './share-device.ts'
import type { V86Cpu, V86Internals, V86Virtio } from './v86-internals.ts'
import { VSOCK_SLOT, VsockDevice } from './vsock-device.ts'

/** Named in snapshots: they fit one version of the emulator alone. */
export const EMULATOR_VERSION = 'v86 0.5.462'
/** What a snapshot holds state of, besides what v86 always has. */
export const DEVICES: readonly string[] = [
  `9p:${TREES_TAG}`,
  `vsock:slot ${VSOCK_SLOT}`,
  `blk:slot ${BLK_SLOT}`,
  `shares:slot ${SHARES_SLOT}`,
]
export const DEFAULT_MEMORY = 268_435_456
/** The least that v86 takes; nothing is drawn. */
const VGA_MEMORY = 262_144
/** No ACPI in the kernel; the emulator's TSC is a steady 1 GHz; pages zeroed when freed make snapshots small. */
export const KERNEL_COMMAND_LINE =
  'console=ttyS0 quiet tsc_early_khz=1000000 tsc=reliable lpj=10000 init_on_free=1 mitigations=off'
/** Indices in v86's saved state, beyond its own. */
const VSOCK_STATE = 300
const BLK_STATE = 301
const SHARES_STATE = 302
const LOAD_TIMEOUT = 20_000
/** The firmware's copies in memory: not needed after a restore, and so not part of what is shipped. */
const FIRMWARE = { start: 0xc0000, end: 0x100000 }

const noShares: NinepHandler = {
  handle: () => {
    throw new EngineError('unavailable', 'Nothing of the machine is shared')
  },
}

/** What a cold boot needs. v86 writes into them: they are copied. */
export interface GuestImages {
  readonly kernel: ArrayBuffer
  readonly initramfs: ArrayBuffer
  readonly bios: ArrayBuffer
  readonly vgaBios: ArrayBuffer
}

export interface EmulatorOptions {
  readonly wasm: WebAssembly.Module
  readonly cid: number
  readonly trees: NinepHandler
  /** Directories of the host's machine; without it there are none. */
  readonly shares?: NinepHandler
  /** Without it the disk is empty and can't be written to. */
  readonly disk?: BlkStore
  /** Called when the store can't take what the guest writes, and with undefined when it can again. */
  readonly onDiskTrouble?: (reason: string | undefined) => void
  /** Bytes; default 256 MiB. */
  readonly memoryBytes?: number
  /** Without them the machine can only take up a saved state. */
  readonly images?: GuestImages
  readonly onSerial: (byte: number) => void
  /** Faults of devices; the emulator goes on. */
  readonly onError: (error: unknown) => void
  /** A fault of the emulator itself; it has stopped. */
  readonly onCrash: (error: unknown) => void
}

/** One emulated PC. It keeps Node alive until it is disposed. */
export class Emulator implements Disposable {
  readonly vsock: VsockDevice
  readonly blk: BlkDevice
  readonly #shares: ShareDevice
  readonly #inner: V86Internals
  readonly #cpu: V86Cpu
  readonly #memory: GuestMemory
  readonly #scheduler: Scheduler
  readonly #start: () => void
  readonly #onCrash: (error: unknown) => void
  /** Nothing has been written to its memory; but its first bytes come from v86's heap, which had other uses. */
  #unused: boolean
  readonly #reused: number
  #heldTick: number | undefined
  #idleSince: number | undefined
  #idleTime = 0
  #onHalt: (() => void) | undefined

  private constructor(v86: V86, options: EmulatorOptions, heapEnd: number) {
    this.#inner = v86 as unknown as V86Internals
    this.#cpu = this.#inner.v86.cpu
    this.#memory = new GuestMemory(this.#cpu)
    this.#scheduler = new Scheduler((tick) => this.#tick(tick))
    this.#start = () => void v86.run()
    this.#onCrash = options.onCrash
    this.#unused = options.images === undefined
    const { byteOffset, length } = this.#cpu.mem8
    this.#reused = Math.min(Math.max(heapEnd - byteOffset, 0), length)
    this.#inner.v86.unregister_yield()
    this.#inner.v86.yield = (milliseconds, tick) => this.#yield(milliseconds, tick)
    // One page for a compiled module instead of three: starts are twice as fast while the code is cold.
    this.#cpu.wm.exports.set_jit_config(1, 1)
    this.vsock = new VsockDevice(this.#cpu, this.#memory, options.cid, options.onError)
    this.blk = new BlkDevice(this.#cpu, this.#memory, {
      store: options.disk ?? emptyDisk,
      onTrouble: (reason) => options.onDiskTrouble?.(reason),
      onError: options.onError,
    })
    this.#shares = new ShareDevice(this.#cpu, this.#memory, {
      shares: options.shares ?? noShares,
      onError: options.onError,
    })
    joinState(this.#cpu, [
      [VSOCK_STATE, this.vsock],
      [BLK_STATE, this.blk],
      [SHARES_STATE, this.#shares],
    ])
  }

  static async create(options: EmulatorOptions): Promise<Emulator> {
    const { images } = options
    const image = (buffer: ArrayBuffer) => ({ buffer: buffer.slice(0) })
    let heapEnd = 0
    const onAllocate = (bytes: number) => {
      heapEnd = bytes
    }
    const v86 = new V86({
      wasm_fn: (env: WebAssembly.Imports) => instantiate(options.wasm, env, onAllocate),
      memory_size: options.memoryBytes ?? DEFAULT_MEMORY,
      vga_memory_size: VGA_MEMORY,
      net_device: { type: 'none' },
      filesystem: { handle9p: ninepDevice(options.trees, options.onError) },
      disable_keyboard: true,
      disable_mouse: true,
      disable_speaker: true,
      autostart: false,
      log_level: 0,
      ...(images && {
        bios: image(images.bios),
        vga_bios: image(images.vgaBios),
        bzimage: image(images.kernel),
        initrd: image(images.initramfs),
        cmdline: KERNEL_COMMAND_LINE,
      }),
      // The published types lack `net_device.type: 'none'` and take `wasm_fn` for something else.
    } as unknown as ConstructorParameters<typeof V86>[0])
    await loaded(v86)
    v86.add_listener('serial0-output-byte', options.onSerial)
    return new Emulator(v86, options, heapEnd)
  }

  /** For tests and measurements. */
  get cpu(): V86Cpu {
    return this.#cpu
  }

  run(): void {
    this.#unused = false
    this.#start()
  }

  /**
   * Take up a state saved by an emulator with the same devices and memory. `run` afterwards.
   * @throws EngineError `unavailable` when it does not fit
   */
  async restore(state: ArrayBuffer): Promise<void> {
    const cpu = this.#cpu
    // v86 puts the saved values of these three into fields of its own and leaves the CPU's cells as they were.
    const { last_result, fpu_status_word, mxcsr } = cpu
    const clear = cpu.zero_memory.bind(cpu)
    // What the wasm memory grew by is zero. Clearing it all would take most of the time and make every page resident.
    if (this.#unused) cpu.zero_memory = (start) => clear(start, this.#reused)
    this.#settleClock()
    try {
      await (this.#inner as unknown as V86).restore_state(state)
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      throw new EngineError('unavailable', `Cannot restore the snapshot: ${reason}`, {
        cause: error,
      })
    } finally {
      cpu.zero_memory = clear
      this.#unused = false
    }
    last_result[0] = cpu.last_result[0] ?? 0
    fpu_status_word[0] = cpu.fpu_status_word[0] ?? 0
    mxcsr[0] = cpu.mxcsr[0] ?? 0
    Object.assign(cpu, { last_result, fpu_status_word, mxcsr })
    this.#settleClock()
  }

  /** Stop at the next moment at which the CPU has nothing to do: the only one at which a state is whole. */
  async pauseIdle(): Promise<void> {
    await new Promise<void>((resolve) => void (this.#onHalt = resolve))
  }

  resume(): void {
    this.#onHalt = undefined
    const tick = this.#heldTick
    this.#heldTick = undefined
    if (tick !== undefined) this.#scheduler.schedule(0, tick)
  }

  /** The state as v86 writes it. The machine is paused; its firmware is gone afterwards, so it cannot reboot. */
  async save(): Promise<ArrayBuffer> {
    if (this.#heldTick === undefined) throw new Error('Cannot save: the machine is running')
    if (pendingNinepRequests(this.#cpu) > 0) throw new Error('Cannot save: the guest waits for 9p')
    if (this.blk.pending > 0) throw new Error('Cannot save: the guest waits for the disk')
    if (this.#shares.pending > 0) throw new Error('Cannot save: the guest waits for a share')
    this.#memory.fill(FIRMWARE.start, FIRMWARE.end)
    return (this.#inner as unknown as V86).save_state()
  }

  [Symbol.dispose](): void {
    this.#scheduler[Symbol.dispose]()
    this.vsock[Symbol.dispose]()
    this.blk[Symbol.dispose]()
    this.#shares[Symbol.dispose]()
  }

  /** Milliseconds the CPU has slept. */
  get idleTime(): number {
    return this.#idleTime
  }

  #tick(tick: number): void {
    if (this.#idleSince !== undefined) {
      this.#idleTime += performance.now() - this.#idleSince
      this.#idleSince = undefined
    }
    try {
      this.#inner.v86.yield_callback(tick)
    } catch (error) {
      this.#scheduler[Symbol.dispose]()
      this.#onCrash(error)
    }
  }

  #yield(milliseconds: number, tick: number): void {
    if (milliseconds >= 1) this.#idleSince ??= performance.now()
    if (this.#heldTick !== undefined) {
      this.#heldTick = tick
    } else if (this.#onHalt && this.#cpu.in_hlt[0] === 1 && milliseconds >= 1) {
      this.#heldTick = tick
      this.#onHalt()
    } else {
      this.#scheduler.schedule(milliseconds, tick)
    }
  }

  /**
   * v86 measures how coarse the host's clock is, and until it knows, the guest's may jump ahead by the page's age:
   * containers then hang for that long. So let it see a few steps of the clock.
   */
  #settleClock(): void {
    const end = performance.now() + 3
    while (performance.now() < end) this.#cpu.store_current_tsc()
  }
}

/** Make v86's own save and restore carry the devices it does not know. */
function joinState(
  cpu: V86Cpu,
  devices: readonly (readonly [index: number, device: { readonly virtio: V86Virtio }])[],
): void {
  const get = cpu.get_state.bind(cpu)
  const set = cpu.set_state.bind(cpu)
  cpu.get_state = () => {
    const state = get()
    for (const [index, { virtio }] of devices) state[index] = virtio
    return state
  }
  cpu.set_state = (state) => {
    const saved = devices.map(([index]) => state[index])
    if (!saved.every((entry) => Array.isArray(entry))) throw new TypeError('it lacks a device')
    set(state)
    for (const [at, [, { virtio }]] of devices.entries()) virtio.set_state(saved[at] ?? [])
  }
}

/**
 * Tells how large the wasm memory is when the guest's is taken from it.
 *
 * Without `process`, v86's constructor starts a worker from a `blob:` URL for its own scheduling, right after `rust_init`. A CSP
 * may forbid that, and nobody needs it: it finds a stand-in for that moment.
 */
async function instantiate(
  module: WebAssembly.Module,
  env: WebAssembly.Imports,
  onAllocate: (memoryBytes: number) => void,
): Promise<WebAssembly.Exports> {
  const { exports } = await WebAssembly.instantiate(module, env)
  const scope = globalThis as { Worker?: unknown }
  const memory = exports['memory'] as WebAssembly.Memory
  return {
    ...exports,
    allocate_memory: (size: number) => {
      onAllocate(memory.buffer.byteLength)
      return (exports['allocate_memory'] as (size: number) => number)(size)
    },
    rust_init: () => {
      ;(exports['rust_init'] as () => void)()
      const { Worker } = scope
      if (Worker === undefined) return
      scope.Worker = IdleWorker
      queueMicrotask(() => void (scope.Worker = Worker))
    },
  }
}

class IdleWorker {
  postMessage(): void {}
  terminate(): void {}
}

/** v86 reports no failure to load: it just never tells that it is ready. */
async function loaded(v86: V86): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined
  try {
    await new Promise<void>((resolve, reject) => {
      timer = setTimeout(
        () => reject(new EngineError('unavailable', 'The emulator did not start')),
        LOAD_TIMEOUT,
      )
      v86.add_listener('emulator-loaded', () => resolve())
    })
  } finally {
    clearTimeout(timer)
  }
}
