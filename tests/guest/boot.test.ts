import { createHash } from 'node:crypto'
import { readFileSync, readdirSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { nodeClock } from '../../src/hosts/node/clock.ts'
import { Emulator } from '../../src/machine/emulator.ts'
import { checkManifest, digestOf } from '../../src/machine/snapshot.ts'
import type { V86Cpu } from '../../src/machine/v86-internals.ts'
import {
  cachedSnapshot,
  emulatorCode,
  guestImages,
  runContainer,
  sh,
  startMachine,
} from '../support/guest.ts'

/** As wasm/guestd/Makefile makes the build's ID. */
function sourcesOfGuestd(): string {
  const folder = new URL('../../wasm/guestd/', import.meta.url)
  const compiled = readdirSync(folder).filter((name) => /\.[ch]$/.test(name))
  const digest = createHash('sha256')
  for (const name of [...compiled.sort(), 'disk-image.mjs', 'Makefile']) {
    digest.update(readFileSync(new URL(name, folder)))
  }
  return digest.digest('hex').slice(0, 16)
}

describe('cold boot', () => {
  test('from the kernel to a container', { timeout: 120_000 }, async () => {
    await using machine = await startMachine({ source: { kind: 'boot', images: guestImages() } })
    const info = await machine.guest.info()
    expect(info.kernel).toMatch(/^6\.12\./)
    // The committed initramfs has the guestd of these sources.
    expect(info.build).toBe(sourcesOfGuestd())
    expect(info.memoryBytes).toBeGreaterThan(200e6)
    expect(await runContainer(machine, ['echo', 'hi'])).toEqual({
      stdout: 'hi\n',
      stderr: '',
      exit: { kind: 'exited', code: 0, oomKilled: false },
    })
    expect(await machine.guest.kernelLog()).toContain('Linux version 6.12')
  })

  test(
    'a kernel that cannot boot is told, and the machine stays down',
    { timeout: 60_000 },
    async () => {
      const images = { ...guestImages(), initramfs: new ArrayBuffer(1024) }
      const states: string[] = []
      const machine = await import('../../src/machine/guest-machine.ts').then(
        ({ GuestMachine }) =>
          new GuestMachine({
            wasm: emulatorCode(),
            source: { kind: 'boot', images },
            clock: nodeClock,
            engineId: 'test',
            hostname: 'drydock',
          }),
      )
      machine.guest.onState(({ state }) => states.push(state))
      await expect(machine.guest.info()).rejects.toMatchObject({
        code: 'unavailable',
        message: expect.stringContaining('Kernel panic') as string,
      })
      expect(states.at(-1)).toBe('lost')
      await machine[Symbol.asyncDispose]()
    },
  )
})

describe('snapshot', () => {
  test('has a manifest that is held against what runs', async () => {
    const { state, manifest } = await cachedSnapshot()
    const images = guestImages()
    const expected = {
      kernel: await digestOf(images.kernel),
      initramfs: await digestOf(images.initramfs),
      state: await digestOf(state),
    }
    expect(() => checkManifest(manifest, expected)).not.toThrow()
    const other = await digestOf(new ArrayBuffer(1))
    for (const [name, wrong] of [
      ['emulator', 'v86 0.5.463'],
      ['kernel', other],
      ['initramfs', other],
      ['state', other],
      ['memoryBytes', 1],
      ['devices', []],
      ['commandLine', 'quiet'],
      ['protocol', 2],
    ] as const) {
      expect(() => checkManifest({ ...manifest, [name]: wrong }, expected), name).toThrow(
        `The snapshot is of another build: ${name} differs`,
      )
    }
    expect(() => checkManifest('no manifest')).toThrow('The snapshot is of another build')
  })

  test('holds no firmware', async () => {
    const { state } = await cachedSnapshot()
    expect(Buffer.from(state).includes('SeaBIOS (version')).toBe(false)
  })

  test('of garbage is refused', async () => {
    using emulator = await create()
    await expect(emulator.restore(new ArrayBuffer(64))).rejects.toMatchObject({
      code: 'unavailable',
    })
  })

  test('two clones draw different random bytes', async () => {
    const draw = async (engineId: string) => {
      await using machine = await startMachine({ engineId })
      const { stdout } = await runContainer(
        machine,
        sh('head -c 32 /dev/urandom | sha256sum; hostname'),
      )
      return stdout
    }
    const [first, second] = [await draw('one'), await draw('one')]
    expect(first).toMatch(/^[0-9a-f]{64}/)
    expect(first).not.toBe(second)
  })

  test('wakes with the right time', async () => {
    await using machine = await startMachine()
    const { stdout } = await runContainer(machine, ['date', '+%s'])
    expect(Math.abs(Number(stdout) - Date.now() / 1000)).toBeLessThan(3)
  })

  test('keeps the flags that v86 forgets', async () => {
    const { state } = await cachedSnapshot()
    const offsets = { last_result: 112, fpu_status_word: 1040, mxcsr: 824 } as const
    using first = await create()
    await first.restore(state)
    first.run()
    await first.pauseIdle()
    const names = Object.keys(offsets) as (keyof typeof offsets)[]
    const values = { last_result: 0x1234_5678, fpu_status_word: 0x3800, mxcsr: 0x1fa0 }
    for (const name of names) cpuOf(first)[name][0] = values[name]
    const saved = await first.save()
    using second = await create()
    await second.restore(saved)
    const memory = new DataView(cpuOf(second).wasm_memory.buffer)
    for (const name of names) expect(memory.getInt32(offsets[name], true), name).toBe(values[name])
  })
})

describe('emulator', () => {
  test('restores into fresh memory without clearing it, to the same bytes', async () => {
    const { state } = await cachedSnapshot()
    using emulator = await create()
    const digest = () => {
      const { wasm_memory, mem8 } = emulator.cpu
      const memory = new Uint8Array(wasm_memory.buffer, mem8.byteOffset, mem8.length)
      return createHash('sha256').update(memory).digest('hex')
    }
    await emulator.restore(state)
    const first = digest()
    // Now it has been used, and all of it is cleared before.
    await emulator.restore(state)
    expect(digest()).toBe(first)
  })

  test('a fault of its own stops it and is told', async () => {
    const crashes: unknown[] = []
    using emulator = await create((error) => crashes.push(error))
    await emulator.restore((await cachedSnapshot()).state)
    emulator.run()
    const cpu = emulator.cpu as unknown as { main_loop: () => number }
    const fault = new WebAssembly.RuntimeError('unreachable')
    cpu.main_loop = () => {
      throw fault
    }
    await expect.poll(() => crashes).toEqual([fault])
  })
})

const create = (onCrash: (error: unknown) => void = () => undefined) =>
  Emulator.create({
    wasm: emulatorCode(),
    cid: 3,
    trees: { handle: () => new Uint8Array(0) },
    onSerial: () => undefined,
    onError: () => undefined,
    onCrash,
  })

const cpuOf = (emulator: Emulator): V86Cpu => emulator.cpu
