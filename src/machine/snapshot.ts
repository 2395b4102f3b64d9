import type { Digest } from '../core/digest.ts'
import { isDigest } from '../core/digest.ts'
import { EngineError } from '../core/error.ts'
import { GUEST_PORT, PROTOCOL_VERSION, type GuestInfo } from '../core/guest-protocol.ts'
import type { Clock } from '../ports/clock.ts'
import { ControlChannel } from './control-channel.ts'
import {
  DEFAULT_MEMORY,
  DEVICES,
  Emulator,
  EMULATOR_VERSION,
  KERNEL_COMMAND_LINE,
  type GuestImages,
} from './emulator.ts'
import { FrameStream } from './frame-stream.ts'
import { isObject } from './frame.ts'
import { hex } from '../core/hex.ts'
import { SerialLog } from './serial-log.ts'

/** What a snapshot was made of. It fits nothing else: v86 checks neither devices nor memory. */
export interface SnapshotManifest {
  readonly format: 1
  readonly emulator: string
  readonly protocol: number
  readonly devices: readonly string[]
  readonly commandLine: string
  readonly memoryBytes: number
  readonly kernel: Digest
  readonly initramfs: Digest
  /** guestd's build, `uname -r`. */
  readonly guest: { readonly build: string; readonly kernel: string }
  readonly state: Digest
  readonly stateBytes: number
}

/** What the caller knows; the running code's own part is always checked. */
export interface SnapshotExpectation {
  readonly kernel?: Digest
  readonly initramfs?: Digest
  readonly memoryBytes?: number
  readonly state?: Digest
}

const BUILD_CID = 3
/** guestd and the kernel come to rest. */
const SETTLE = 300
const RETRY = 10

export async function digestOf(bytes: ArrayBuffer): Promise<Digest> {
  return `sha256:${hex(new Uint8Array(await crypto.subtle.digest('SHA-256', bytes)))}` as Digest
}

/**
 * Boot a guest and save it when guestd is ready: before a clock, an identity or the trees are given to it.
 * @returns the state as v86 restores it, uncompressed
 */
export async function buildSnapshot(
  wasm: WebAssembly.Module,
  images: GuestImages,
  clock: Clock,
  options: { readonly signal?: AbortSignal; readonly log?: (line: string) => void } = {},
): Promise<{ readonly state: ArrayBuffer; readonly manifest: SnapshotManifest }> {
  const { signal, log } = options
  const serial = new SerialLog((line) => log?.(line))
  using emulator = await Emulator.create({
    wasm,
    images,
    cid: BUILD_CID,
    trees: {
      handle: () => {
        throw new Error('9p is not mounted in a snapshot')
      },
    },
    onSerial: (byte) => serial.push(byte),
    onError: (error) => log?.(String(error)),
    onCrash: (error) => log?.(`The emulator stopped: ${String(error)}`),
  })
  emulator.run()
  const info = await greet(emulator, clock, serial, signal)
  await clock.sleep(SETTLE, signal)
  await emulator.pauseIdle()
  const state = await emulator.save()
  return { state, manifest: await manifestOf(state, images, info) }
}

/** The words of guestd, and the stream closed again: a snapshot has no connections. */
async function greet(
  emulator: Emulator,
  clock: Clock,
  serial: SerialLog,
  signal: AbortSignal | undefined,
): Promise<GuestInfo> {
  const end = clock.monotonic() + 120_000
  for (;;) {
    signal?.throwIfAborted()
    try {
      const stream = new FrameStream(await emulator.vsock.connect(GUEST_PORT, signal))
      const control = await ControlChannel.open(stream, () => undefined)
      await control.ping(signal)
      control.close(new EngineError('unavailable', 'the snapshot is taken'))
      return control.info
    } catch (error) {
      if (clock.monotonic() > end) {
        throw new EngineError('unavailable', `The guest did not boot:\n${serial.text}`, {
          cause: error,
        })
      }
      await clock.sleep(RETRY, signal)
    }
  }
}

async function manifestOf(
  state: ArrayBuffer,
  images: GuestImages,
  info: GuestInfo,
): Promise<SnapshotManifest> {
  return {
    format: 1,
    emulator: EMULATOR_VERSION,
    protocol: PROTOCOL_VERSION,
    devices: DEVICES,
    commandLine: KERNEL_COMMAND_LINE,
    memoryBytes: DEFAULT_MEMORY,
    kernel: await digestOf(images.kernel),
    initramfs: await digestOf(images.initramfs),
    guest: { build: info.build, kernel: info.kernel },
    state: await digestOf(state),
    stateBytes: state.byteLength,
  }
}

/** @throws EngineError `unavailable` with what differs */
export function checkManifest(
  manifest: unknown,
  expected: SnapshotExpectation = {},
): asserts manifest is SnapshotManifest {
  const refuse = (what: string): never => {
    throw new EngineError('unavailable', `The snapshot is of another build: ${what} differs`)
  }
  if (!isObject(manifest) || manifest['format'] !== 1) return refuse('format')
  const wanted = {
    emulator: EMULATOR_VERSION,
    protocol: PROTOCOL_VERSION,
    devices: DEVICES,
    commandLine: KERNEL_COMMAND_LINE,
    memoryBytes: DEFAULT_MEMORY,
    ...expected,
  }
  for (const [name, value] of Object.entries(wanted)) {
    if (JSON.stringify(manifest[name]) !== JSON.stringify(value)) refuse(name)
  }
  for (const name of ['kernel', 'initramfs', 'state']) {
    if (typeof manifest[name] !== 'string' || !isDigest(manifest[name])) refuse(name)
  }
}
