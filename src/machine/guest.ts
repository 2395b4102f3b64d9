import { EngineError } from '../core/error.ts'
import {
  GUEST_PORT,
  type GuestEvent,
  type OpenFrame,
  type ProcessRef,
} from '../core/guest-protocol.ts'
import type { Clock } from '../ports/clock.ts'
import type { DiskStore } from '../ports/disk-store.ts'
import { DEFAULT_DISK_SIZE } from './blk-device.ts'
import { ControlChannel, type GuestCall } from './control-channel.ts'
import { Emulator, type GuestImages } from './emulator.ts'
import { FrameStream } from './frame-stream.ts'
import { TREES_TAG, type NinepHandler } from './ninep-device.ts'
import { GuestProcess } from './process.ts'
import { SerialLog } from './serial-log.ts'
import { SHARES_TAG } from './share-device.ts'
import { watch } from './watchdog.ts'

export type GuestSource =
  /** As `buildSnapshot` made it; it is read only. The emulator is made while it is on its way. */
  | { readonly kind: 'snapshot'; readonly state: ArrayBuffer | Promise<ArrayBuffer> }
  | { readonly kind: 'boot'; readonly images: GuestImages }

export interface GuestOptions {
  readonly wasm: WebAssembly.Module
  readonly source: GuestSource
  readonly clock: Clock
  readonly cid: number
  readonly trees: NinepHandler
  /** What of the host's machine the guest may use. */
  readonly shares?: NinepHandler
  readonly disk?: DiskStore
  readonly onDiskTrouble?: (reason: string | undefined) => void
  readonly memoryBytes?: number
  readonly log: (line: string) => void
  readonly onEvent: (event: GuestEvent) => void
}

export interface GuestConfiguration {
  readonly hostname: string
  readonly machineId: string
}

/** From power-on to guestd's first word, in milliseconds; a cold boot on a busy machine takes five seconds. */
const BOOT_TIMEOUT = 90_000
const CONNECT_RETRY = 10
/** What the kernel says before it stops. */
const LAST_WORDS = /(Kernel panic|reboot: (System halted|Power down|Restarting system)).*/
const ENTROPY = 128

/** One running Linux with guestd, from its start until it is lost or stopped. */
export class Guest implements Disposable {
  readonly control: ControlChannel
  /** Settles with the reason when the guest panicked, hung or hung up. */
  readonly lost: Promise<string>
  readonly #emulator: Emulator
  readonly #serial: SerialLog
  readonly #clock: Clock
  readonly #stop = new AbortController()

  private constructor(
    emulator: Emulator,
    serial: SerialLog,
    control: ControlChannel,
    clock: Clock,
    panic: Promise<string>,
  ) {
    this.#emulator = emulator
    this.#serial = serial
    this.#clock = clock
    this.control = control
    const silence = new Promise<string>((resolve) => {
      void watch(
        {
          ping: (signal) => control.ping(signal),
          onSilence: () => resolve('it does not answer any more'),
          onWake: () => void this.setClock().catch(() => undefined),
        },
        clock,
        this.#stop.signal,
      )
    })
    const hungUp = control.closed.then((error) => error.message)
    this.lost = Promise.race([panic, silence, hungUp])
  }

  /** @throws EngineError `unavailable` when it does not come up; the signal's reason */
  static async start(options: GuestOptions, signal: AbortSignal): Promise<Guest> {
    const { source, clock, log } = options
    let panicked: (reason: string) => void = () => undefined
    const panic = new Promise<string>((resolve) => {
      panicked = resolve
    })
    const serial = new SerialLog((line) => {
      log(line)
      const [last] = LAST_WORDS.exec(line) ?? []
      if (last !== undefined) panicked(last)
    })
    const emulator = await Emulator.create({
      wasm: options.wasm,
      cid: options.cid,
      trees: options.trees,
      ...(options.shares && { shares: options.shares }),
      ...(options.disk && { disk: options.disk }),
      ...(options.onDiskTrouble && { onDiskTrouble: options.onDiskTrouble }),
      ...(options.memoryBytes !== undefined && { memoryBytes: options.memoryBytes }),
      ...(source.kind === 'boot' && { images: source.images }),
      onSerial: (byte) => serial.push(byte),
      onError: (error) => log(`machine: ${String(error)}`),
      onCrash: (error) => panicked(`the emulator stopped: ${String(error)}`),
    })
    const timeout = new AbortController()
    try {
      // A slow network's time is not the guest's.
      const state = source.kind === 'snapshot' ? await source.state : undefined
      const boot = async () => {
        if (state) await emulator.restore(state)
        emulator.run()
        if (state) {
          emulator.vsock.resume()
          emulator.blk.resume()
          // A snapshot was made with another disk.
          if (options.disk && options.disk.size !== DEFAULT_DISK_SIZE) emulator.blk.announceSize()
          await emulator.vsock.transportReset(options.cid)
        }
        const stream = new FrameStream(await reach(emulator, clock, signal))
        return ControlChannel.open(stream, options.onEvent)
      }
      const control = await Promise.race([
        boot(),
        panic.then((reason) => {
          throw new EngineError('unavailable', `The guest did not start: ${reason}`)
        }),
        late(clock, timeout.signal),
      ])
      return new Guest(emulator, serial, control, clock, panic)
    } catch (error) {
      emulator[Symbol.dispose]()
      throw signal.aborted ? signal.reason : error
    } finally {
      timeout.abort()
    }
  }

  /** Make a clone an individual: time, chance, names; and mount the trees. */
  async configure(configuration: GuestConfiguration, signal?: AbortSignal): Promise<void> {
    const entropy = String.fromCharCode(...this.#clock.randomBytes(ENTROPY))
    await this.control.request(
      {
        op: 'configure',
        time: this.#clock.now() / 1000,
        entropy: btoa(entropy),
        hostname: configuration.hostname,
        machineId: configuration.machineId,
        treesTag: TREES_TAG,
      },
      signal,
    )
  }

  async mountShares(signal?: AbortSignal): Promise<void> {
    await this.control.request({ op: 'mount-shares', tag: SHARES_TAG }, signal)
  }

  async setClock(): Promise<void> {
    await this.request({ op: 'set-clock', time: this.#clock.now() / 1000 })
  }

  async request(call: GuestCall, signal?: AbortSignal): Promise<unknown> {
    return this.control.request(call, signal)
  }

  async openStream(open: OpenFrame, signal?: AbortSignal): Promise<FrameStream> {
    const stream = new FrameStream(await this.#emulator.vsock.connect(GUEST_PORT, signal))
    await stream.writeJson('open', open)
    return stream
  }

  /** @param signal aborted before the process runs: it is killed, whatever it has come to */
  async startProcess(
    open: OpenFrame & { readonly channel: 'process' },
    process: ProcessRef,
    signal?: AbortSignal,
    onInput?: () => void,
  ): Promise<GuestProcess> {
    const stream = await this.openStream(open, signal)
    const terminal = hasTerminal(open)
    const abort = () => {
      stream.reset(signal?.reason instanceof Error ? signal.reason : new Error('aborted'))
      // guestd gives up a start whose stream broke; but it may have been quicker.
      this.request({ op: 'signal', process, signal: 9 }).catch(() => undefined)
    }
    signal?.addEventListener('abort', abort, { once: true })
    try {
      if (signal?.aborted) abort()
      return await GuestProcess.started(stream, terminal, onInput)
    } catch (error) {
      if (signal?.aborted) throw signal.reason
      stream.reset(error instanceof Error ? error : new Error(String(error)))
      throw error
    } finally {
      signal?.removeEventListener('abort', abort)
    }
  }

  /** Aborts when the guest ends. */
  get stopped(): AbortSignal {
    return this.#stop.signal
  }

  get instructions(): number {
    return this.#emulator.cpu.instruction_counter[0] ?? 0
  }

  /** Milliseconds the emulated CPU has slept. */
  get idleTime(): number {
    return this.#emulator.idleTime
  }

  /** The kernel's last words, for when guestd can't be asked. */
  get serialText(): string {
    return this.#serial.text
  }

  /** Stop it with everything that runs in it, telling why. */
  end(reason: string): void {
    const error = new EngineError('unavailable', reason)
    this.#stop.abort(error)
    this.control.close(error)
    this.#emulator.vsock.hangUp(reason)
    this.#emulator[Symbol.dispose]()
  }

  [Symbol.dispose](): void {
    this.end('The machine was stopped')
  }
}

function hasTerminal(open: OpenFrame & { readonly channel: 'process' }): boolean {
  if (open.op === 'attach') return false
  return (open.op === 'run' ? open.spec.process : open.process).terminal === true
}

/** Nobody listens while Linux boots: try until somebody does. */
async function reach(emulator: Emulator, clock: Clock, signal: AbortSignal) {
  for (;;) {
    try {
      return await emulator.vsock.connect(GUEST_PORT, signal)
    } catch (error) {
      if (!(error instanceof EngineError) || signal.aborted) throw error
      await clock.sleep(CONNECT_RETRY, signal)
    }
  }
}

async function late(clock: Clock, signal: AbortSignal): Promise<never> {
  await clock.sleep(BOOT_TIMEOUT, signal)
  throw new EngineError('unavailable', 'The guest did not start in time')
}
