import type { ContainerConfig } from '../../core/engine-api.ts'
import type { Flags } from '../../kit/flags.ts'

type Healthcheck = NonNullable<ContainerConfig['Healthcheck']>

const durations = {
  Interval: 'health-interval',
  Timeout: 'health-timeout',
  StartPeriod: 'health-start-period',
  StartInterval: 'health-start-interval',
} as const

/** @throws Error in Docker's words */
export function healthcheckOf(flags: Flags): Healthcheck | undefined {
  const names = ['health-cmd', 'health-retries', ...Object.values(durations)]
  const some = names.some((name) => flags.has(name) && flags.text(name) !== '')
  if (flags.bool('no-healthcheck')) {
    if (some) throw new Error('--no-healthcheck conflicts with --health-* options')
    return { Test: ['NONE'] }
  }
  if (!some) return undefined
  for (const name of Object.values(durations)) {
    if (flags.number(name) < 0) throw new Error(`--${name} cannot be negative`)
  }
  if (flags.number('health-retries') < 0) throw new Error('--health-retries cannot be negative')
  const command = flags.text('health-cmd')
  return {
    ...(command !== '' && { Test: ['CMD-SHELL', command] }),
    ...Object.fromEntries(
      Object.entries(durations).map(([field, name]) => [field, flags.number(name)]),
    ),
    Retries: flags.number('health-retries'),
  }
}
