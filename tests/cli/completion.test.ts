import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openDocker, type Docker } from '../support/docker-client.ts'
import { docker } from '../support/memory-cli-host.ts'

// What the shell is told at Tab, over our engine, whose machine is scripted.
let engine: Docker

beforeAll(async () => {
  engine = await openDocker()
  const run = (line: string): Promise<unknown> => docker(engine.handler, line.split(' '))
  await run('create --name web --network none demo')
  await run('run -d --name worker --network none demo sleep')
  await run('network create lan')
  await run('volume create data')
})

afterAll(() => engine[Symbol.asyncDispose]())

const complete = async (words: readonly string[]): Promise<string[]> => {
  const { out, code } = await docker(engine.handler, ['__complete', ...words])
  expect(code).toBe(0)
  return out.split('\n').slice(0, -1)
}

test.each<[string, readonly string[]]>([
  ['ru', ['run']],
  ['container lo', ['logs']],
  ['network dis', ['disconnect']],
  ['help container pru', ['prune']],
  ['completion ', ['bash']],
  ['logs --fol', ['--follow']],
  ['--log-level war', ['warn']],
  ['--log-level warn ps --no-', ['--no-trunc']],
  ['rm w', ['web']],
  ['rm -f w', ['web', 'worker']],
  ['rm -f web w', ['worker']],
  ['start ', ['web']],
  ['stop ', ['worker']],
  ['exec -it ', ['worker']],
  ['exec worker ', []],
  ['unpause ', []],
  ['run --name x --pull ', ['always', 'missing', 'never']],
  ['run -it d', ['demo']],
  ['run demo -', []],
  ['run --network l', ['lan']],
  ['run --network=l', ['--network=lan']],
  ['run --network container:', ['container:worker']],
  ['run --net l', ['lan']],
  ['run -v d', ['data:']],
  ['run --restart un', ['unless-stopped']],
  ['run --cap-add NET_A', ['NET_ADMIN']],
  ['ps --filter sta', ['status=']],
  ['ps -f status=ex', ['status=exited']],
  ['ps --filter=status=ex', ['--filter=status=exited']],
  ['ps --filter nonsense=', []],
  ['images --filter dangling=', ['dangling=false', 'dangling=true']],
  ['network ls -f driver=b', ['driver=bridge']],
  ['system events --filter type=v', ['type=volume']],
  ['network connect lan w', ['web', 'worker']],
  ['network rm l', ['lan']],
  ['volume inspect ', ['data']],
  ['cp we', ['web:']],
  ['kill --signal T', ['TERM']],
  ['kill -s T', ['TERM']],
  ['nonsense ', []],
  ['run --nonsense ', ['demo']],
])('docker %s', async (line, expected) => {
  expect(await complete(line.split(' '))).toEqual(expected)
})

test('flags by their long names, and by letters where those fit', async () => {
  expect(await complete(['logs', '-'])).toEqual(
    expect.arrayContaining(['--follow', '-f', '--help', '-n', '--tail']),
  )
  expect(await complete(['logs', '--'])).not.toContain('-f')
})

test('an engine that is gone has no candidates, and no complaints', async () => {
  const gone = await docker(() => Promise.reject(new Error('gone')), ['__complete', 'stop', ''])
  expect(gone).toEqual({ code: 0, out: '', err: '' })
})

test('the shell has what `docker completion bash` prints', async () => {
  const root = new URL('../../wasm/root/files/', import.meta.url)
  const file = new URL('usr/share/bash-completion/completions/docker', root)
  const { out } = await docker(engine.handler, ['completion', 'bash'])
  expect(out).toBe(readFileSync(file, 'utf8'))
})
