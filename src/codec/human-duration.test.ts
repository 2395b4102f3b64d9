import { expect, test } from 'vitest'
import { humanDuration } from './human-duration.ts'

const hour = 3_600_000
const day = 24 * hour

test.each([
  [-5000, 'Less than a second'],
  [999, 'Less than a second'],
  [1000, '1 second'],
  [59_999, '59 seconds'],
  [60_000, 'About a minute'],
  [119_999, 'About a minute'],
  [120_000, '2 minutes'],
  [hour - 1, '59 minutes'],
  [hour, 'About an hour'],
  [1.5 * hour - 1, 'About an hour'],
  [1.5 * hour, '2 hours'],
  [47 * hour, '47 hours'],
  [2 * day, '2 days'],
  [14 * day, '2 weeks'],
  [60 * day, '2 months'],
  [2 * 365 * day, '2 years'],
])('%d ms: %s', (milliseconds, text) => expect(humanDuration(milliseconds)).toBe(text))
