import { expect, test } from 'vitest'
import { runContainer, startMachine } from '../support/guest.ts'

const rehearsals = (log: string) => new Set(log.match(/start \w+ +request rehearsal/g)).size

test(
  'containers are rehearsed once the first work came to rest, and leave nothing',
  { timeout: 320_000 },
  async () => {
    await using machine = await startMachine({ rehearse: true })
    expect((await runContainer(machine, ['echo', 'first'])).stdout).toBe('first\n')
    expect(rehearsals(await machine.guest.kernelLog())).toBe(0)
    await expect
      .poll(async () => rehearsals(await machine.guest.kernelLog()), {
        timeout: 300_000,
        // Each look is work that the rehearsal waits for.
        interval: 5_000,
      })
      .toBeGreaterThanOrEqual(5)
    // One may be under way.
    await expect
      .poll(async () => (await runContainer(machine, ['ls', '/sys/fs/cgroup'])).stdout, {
        timeout: 60_000,
        interval: 1_000,
      })
      .not.toContain('00000000')
    const log = await machine.guest.kernelLog()
    expect(log).not.toMatch(/not started|after a failed start/)
  },
)
