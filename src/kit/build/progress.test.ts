import { expect, test } from 'vitest'
import type { BuildTrace } from '../../core/build-trace.ts'
import { TextOutput } from '../text-output.ts'
import { PlainProgress } from './progress.ts'

async function shown(...traces: readonly BuildTrace[]): Promise<string> {
  let text = ''
  const output = new TextOutput({
    write: (bytes) => {
      text += new TextDecoder().decode(bytes)
      return Promise.resolve()
    },
  })
  const progress = new PlainProgress(output)
  for (const trace of traces) await progress.update(trace)
  await progress.finish()
  return text
}

const vertex = (id: number, name: string): BuildTrace => ({
  kind: 'vertex',
  vertex: id,
  name,
  time: 1000,
})
const log = (id: number, text: string): BuildTrace => ({
  kind: 'log',
  vertex: id,
  stream: 'stdout',
  text,
  time: 1250,
})
const done = (id: number, more: Partial<BuildTrace & { kind: 'done' }> = {}): BuildTrace => ({
  kind: 'done',
  vertex: id,
  time: 1500,
  cached: false,
  ...more,
})

test('steps one after the other, as BuildKit prints them', async () => {
  expect(
    await shown(
      vertex(7, '[1/2] FROM busybox'),
      done(7, { cached: true }),
      vertex(8, '[2/2] RUN make'),
      log(8, 'one\ntw'),
      log(8, 'o\nthree'),
      done(8),
    ),
  ).toBe(
    '#1 [1/2] FROM busybox\n#1 CACHED\n\n#2 [2/2] RUN make\n#2 0.250 one\n#2 0.250 two\n#2 0.500 three\n#2 DONE 0.5s\n',
  )
})

test('steps side by side take turns; a failure shows what it said', async () => {
  expect(
    await shown(
      vertex(1, 'a'),
      vertex(2, 'b'),
      log(1, 'x\n'),
      done(1, { error: 'exit code: 1' }),
      done(2),
    ),
  ).toBe(
    '#1 a\n#1 ...\n\n#2 b\n#2 ...\n\n#1 a\n#1 0.250 x\n#1 ERROR: exit code: 1\n\n#2 b\n#2 DONE 0.5s\n------\n > a:\n0.250 x\n------\n',
  )
})
