import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { nodeClock } from '../../src/hosts/node/clock.ts'
import type { ExitStatus } from '../../src/core/guest-protocol.ts'
import type { GuestImages } from '../../src/machine/emulator.ts'
import type { GuestMachineOptions } from '../../src/machine/guest-keeper.ts'
import { GuestMachine } from '../../src/machine/guest-machine.ts'
import type { MachineProcess } from '../../src/ports/machine/processes.ts'
import { catalogTree } from './catalog-tree.ts'
import { containerSpec, containerStart } from './container-spec.ts'
import { buildSnapshot, checkManifest, type SnapshotManifest } from '../../src/machine/snapshot.ts'

const root = new URL('../../', import.meta.url)
const file = (path: string): ArrayBuffer => {
  const bytes = readFileSync(new URL(path, root))
  return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength)
}

let compiled: WebAssembly.Module | undefined
/** v86's code, compiled once a process. */
export function emulatorCode(): WebAssembly.Module {
  compiled ??= new WebAssembly.Module(file('node_modules/v86/build/v86.wasm'))
  return compiled
}

export function guestImages(): GuestImages {
  return {
    kernel: file('public/guest/bzImage'),
    initramfs: file('public/guest/initramfs'),
    bios: file('public/guest/bios.bin'),
    vgaBios: file('public/guest/vgabios-stdvga.bin'),
  }
}

/** A snapshot of the guest as it is now: made once, kept beside other caches under the digest of what it was made of. */
export async function cachedSnapshot(): Promise<{
  readonly state: ArrayBuffer
  readonly manifest: SnapshotManifest
}> {
  const images = guestImages()
  const hash = createHash('sha256')
  for (const image of Object.values(images)) hash.update(new Uint8Array(image))
  for (const source of ['emulator', 'vsock-device', 'blk-device', 'share-device', 'snapshot']) {
    hash.update(readFileSync(new URL(`src/machine/${source}.ts`, root)))
  }
  const folder = new URL('node_modules/.cache/guest/', root)
  const name = new URL(hash.digest('hex').slice(0, 32), folder)
  if (existsSync(`${name.pathname}.json`)) {
    const manifest: unknown = JSON.parse(readFileSync(`${name.pathname}.json`, 'utf8'))
    checkManifest(manifest)
    const bytes = readFileSync(`${name.pathname}.state`)
    return { state: new Uint8Array(bytes).buffer, manifest }
  }
  const { state, manifest } = await buildSnapshot(emulatorCode(), images, nodeClock)
  mkdirSync(folder, { recursive: true })
  // Another test process may be at the same: each writes its own files, the manifest last.
  for (const [end, content] of [
    ['state', new Uint8Array(state)],
    ['json', JSON.stringify(manifest)],
  ] as const) {
    const draft = `${name.pathname}.${process.pid}.tmp`
    writeFileSync(draft, content)
    renameSync(draft, `${name.pathname}.${end}`)
  }
  return { state, manifest }
}

export const BUSYBOX: string = 'b0'.repeat(32)

/** A machine from the cached snapshot, with busybox as a tree. */
export async function startMachine(
  options: Partial<GuestMachineOptions> = {},
): Promise<GuestMachine> {
  const source = options.source ?? { kind: 'snapshot', state: (await cachedSnapshot()).state }
  const machine = new GuestMachine({
    wasm: emulatorCode(),
    clock: nodeClock,
    engineId: 'test',
    hostname: 'drydock',
    rehearse: false,
    ...options,
    source,
  })
  machine.trees.add(BUSYBOX, await catalogTree('busybox:latest'))
  await machine.guest.info()
  return machine
}

export interface Finished {
  readonly stdout: string
  readonly stderr: string
  readonly exit: ExitStatus
}

/** Read a process to its end. */
export async function finish(process: MachineProcess): Promise<Finished> {
  const decoder = { stdout: new TextDecoder(), stderr: new TextDecoder() }
  const text = { stdout: '', stderr: '' }
  for await (const { stream, bytes } of process.output) {
    text[stream] += decoder[stream].decode(bytes, { stream: true })
  }
  return { ...text, exit: await process.exited }
}

/** Run a command in a container of busybox, and remove the container. */
export async function runContainer(
  machine: GuestMachine,
  args: readonly string[],
  more?: Parameters<typeof containerSpec>[1] & { readonly seccomp?: string },
): Promise<Finished> {
  const start = {
    ...containerStart(BUSYBOX, containerSpec(args, more)),
    ...(more?.seccomp !== undefined && { seccomp: more.seccomp }),
  }
  try {
    return await finish(await machine.processes.run(start))
  } finally {
    await machine.containers.delete(start.container)
  }
}

export const sh = (script: string): string[] => ['sh', '-c', script]
