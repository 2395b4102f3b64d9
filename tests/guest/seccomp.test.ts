import { afterAll, beforeAll, expect, test } from 'vitest'
import { compileSeccomp } from '../../src/codec/seccomp.ts'
import type { RootfsNode } from '../../src/core/layer.ts'
import type { GuestMachine } from '../../src/machine/guest-machine.ts'
import { catalogTree } from '../support/catalog-tree.ts'
import { containerSpec, containerStart } from '../support/container-spec.ts'
import { finish, sh, startMachine } from '../support/guest.ts'
import { systemCall, vsockConnect } from '../support/probe.ts'

const PROBES = 'cc'.repeat(32)
const EPERM = 1
const EINVAL = 22
const ECONNRESET = 104
const ENOSYS = 38

/** arch/x86/entry/syscalls/syscall_32.tbl */
const probes: Readonly<Record<string, RootfsNode>> = {
  'vsock-socket': systemCall(359, 40, 1, 0),
  'unix-socket': systemCall(359, 1, 1, 0),
  getpid: systemCall(20),
  'clone-user-namespace': systemCall(120, 0x1000_0000, 0),
  'unknown-call': systemCall(900),
  keyctl: systemCall(288, 0, 0),
  'vsock-host': vsockConnect(2, 1024),
  'vsock-local': vsockConnect(1, 1024),
  'vsock-self': vsockConnect(0xffff_ffff, 1024),
  kexec_load: systemCall(283),
  personality: systemCall(136, 0xffff_ffff),
  'personality-odd': systemCall(136, 0x0040_0000),
}

let machine: GuestMachine
beforeAll(async () => {
  machine = await startMachine()
  const busybox = await catalogTree('busybox:latest')
  const children = new Map([...(busybox.children ?? []), ...Object.entries(probes)])
  machine.trees.add(PROBES, { ...busybox, children })
}, 120_000)
afterAll(async () => {
  await machine[Symbol.asyncDispose]()
})

const spec = containerSpec([])
const profile = compileSeccomp(spec.process.capabilities?.bounding ?? [])

async function run(args: readonly string[], confined: boolean) {
  const start = containerStart(PROBES, containerSpec(args))
  try {
    return await finish(
      await machine.processes.run({ ...start, ...(confined && { seccomp: profile }) }),
    )
  } finally {
    await machine.containers.delete(start.container)
  }
}

const code = async (name: string, confined: boolean) => {
  const { exit } = await run([`/${name}`], confined)
  return exit.kind === 'exited' ? exit.code : undefined
}

test('the default profile is in force', async () => {
  expect((await run(sh('grep ^Seccomp: /proc/self/status'), true)).stdout).toBe('Seccomp:\t2\n')
})

test.each([
  ['getpid', 255, 255],
  ['unix-socket', 253, 253],
  // The host's sockets: no container is to reach them.
  ['vsock-socket', 253, EPERM],
  ['keyctl', EINVAL, EPERM],
  ['personality', 0, 0],
  ['personality-odd', 0, EPERM],
  ['unknown-call', ENOSYS, ENOSYS],
])('%s answers %d, and %d with the profile', async (name, free, confined) => {
  expect([await code(name, false), await code(name, true)]).toEqual([free, confined])
})

test.each(['kexec_load', 'clone-user-namespace'])('%s is refused', async (name) => {
  expect(await code(name, true)).toBe(EPERM)
})

test('who may have sockets of the host finds nobody: guestd is not reached from inside', async () => {
  expect(await code('vsock-host', false)).toBe(ECONNRESET)
  expect(await code('vsock-local', false)).toBe(ECONNRESET)
  expect(await code('vsock-self', false)).not.toBe(0)
})

test('an exec is confined by what it brings along', async () => {
  const start = containerStart(PROBES, containerSpec(['sleep', '1000']))
  const init = await machine.processes.run(start)
  const { container } = start
  const exec = async (name: string, seccomp?: string) => {
    const process = { ...spec.process, args: ['/vsock-socket'] }
    const more = seccomp === undefined ? {} : { seccomp }
    return (await finish(await machine.processes.exec({ container, exec: name, process, ...more })))
      .exit
  }
  expect(await exec('one', profile)).toMatchObject({ code: EPERM })
  expect(await exec('two')).toMatchObject({ code: 253 })
  await machine.processes.signal({ container }, 9)
  await init.exited
  await machine.containers.delete(container)
})
