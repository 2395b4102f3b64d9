import { expect, test } from 'vitest'

/**
 * A page that is not cross-origin isolated has a clock of 0.1 ms steps. v86 then believed for a moment that each step is one
 * huge tick, the guest's clock jumped ahead by the page's age, and containers hung for that long.
 */
test('a restored guest keeps time with a coarse clock', { timeout: 120_000 }, async () => {
  const precise = performance.now.bind(performance)
  // v86 takes the function when it is loaded. An old page: the jump would be 90 s.
  performance.now = () => Math.round((precise() + 90_000) * 10) / 10
  const { runContainer, sh, startMachine } = await import('../support/guest.ts')
  for (let round = 0; round < 3; round++) {
    await using machine = await startMachine()
    const quarter = { linux: { resources: { cpu: { quota: 50_000, period: 100_000 } } } }
    for (let count = 0; count < 3; count++) {
      const started = precise()
      const { stdout } = await runContainer(
        machine,
        sh('cut -d" " -f1 /proc/uptime; sleep 0.2; cut -d" " -f1 /proc/uptime'),
        count === 0 ? {} : quarter,
      )
      expect(precise() - started).toBeLessThan(10_000)
      const [before = 0, after = 0] = stdout.split('\n').map(Number)
      expect(before).toBeLessThan(60)
      expect(after - before).toBeLessThan(10)
    }
  }
})
