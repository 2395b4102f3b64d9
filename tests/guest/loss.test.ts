import { describe, expect, test } from 'vitest'
import type { GuestMachine } from '../../src/machine/guest-machine.ts'
import type { MachineState } from '../../src/ports/machine/guest.ts'
import { containerSpec, containerStart, processSpec } from '../support/container-spec.ts'
import { BUSYBOX, finish, runContainer, sh, startMachine } from '../support/guest.ts'

/** Lose the guest by a command in its own root, and see what the engine sees. */
async function lose(machine: GuestMachine, script: string): Promise<string> {
  const states: MachineState[] = []
  machine.guest.onState((state) => void states.push(state))
  const start = containerStart(BUSYBOX, containerSpec(['cat']))
  const process = await machine.processes.run(start)
  const all = ['CAP_SYS_BOOT', 'CAP_SYS_PTRACE', 'CAP_SYS_ADMIN', 'CAP_DAC_OVERRIDE']
  const capabilities = {
    bounding: all,
    effective: all,
    permitted: all,
    inheritable: [],
    ambient: [],
  }
  const killer = processSpec(sh(script), { capabilities })
  await machine.processes.runOnHost({ host: 'killer', process: killer }).catch(() => undefined)
  const exit = await process.exited
  await expect(finish(process)).rejects.toMatchObject({ code: 'unavailable' })
  await machine.guest.info()
  expect(states.map(({ state }) => state)).toEqual(['lost', 'starting', 'running'])
  expect((await runContainer(machine, ['echo', 'again'])).stdout).toBe('again\n')
  await expect(machine.containers.stats(start.container)).rejects.toMatchObject({
    code: 'not-found',
  })
  const [lost] = states
  const reason = lost?.state === 'lost' ? lost.reason : ''
  expect(exit).toEqual({ kind: 'lost', reason: `The machine was lost: ${reason}` })
  return reason
}

describe('a lost guest is replaced, and its processes are told', () => {
  test('after a panic', { timeout: 60_000 }, async () => {
    await using machine = await startMachine({ hostRoot: { tree: BUSYBOX } })
    // guestd's own code is overwritten; init must not die.
    const reason = await lose(
      machine,
      'dd if=/dev/zero of=/proc/1/mem bs=4096 seek=$((0x8049)) count=150 conv=notrunc',
    )
    expect(reason).toContain('Kernel panic')
  })

  test('after a hang', { timeout: 90_000 }, async () => {
    await using machine = await startMachine({ hostRoot: { tree: BUSYBOX } })
    const reason = await lose(machine, 'echo 1 > /sys/fs/cgroup/guestd/cgroup.freeze')
    expect(reason).toBe('it does not answer any more')
  })

  test('after a halt', { timeout: 60_000 }, async () => {
    await using machine = await startMachine({ hostRoot: { tree: BUSYBOX } })
    expect(await lose(machine, 'halt -f')).toContain('System halted')
  })
})

test('a stopped machine answers that it is unavailable', async () => {
  const machine = await startMachine()
  const process = await machine.processes.run(
    containerStart(BUSYBOX, containerSpec(['sleep', '1000'])),
  )
  await machine[Symbol.asyncDispose]()
  expect(await process.exited).toMatchObject({ kind: 'lost' })
  await expect(machine.guest.ping()).rejects.toMatchObject({ code: 'unavailable' })
  await expect(runContainer(machine, ['true'])).rejects.toMatchObject({ code: 'unavailable' })
})
