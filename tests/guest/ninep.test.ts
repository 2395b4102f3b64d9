import { createHash, randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { mergeLayers } from '../../src/codec/layer-merge.ts'
import type { ContentSource, LayerEntry } from '../../src/core/layer.ts'
import type { GuestMachine } from '../../src/machine/guest-machine.ts'
import { catalogTree } from '../support/catalog-tree.ts'
import { containerSpec, containerStart } from '../support/container-spec.ts'
import { finish, sh, startMachine } from '../support/guest.ts'

const content = randomBytes(3_000_001)
/** Half of the files answer at once, half later, as when they come from the network. */
const memory: ContentSource = { read: (at, length) => content.subarray(at, at + length) }
const slow: ContentSource = {
  read: (at, length) =>
    new Promise((resolve) => setTimeout(() => resolve(content.subarray(at, at + length)), 3)),
}

const entry = (
  path: string,
  kind: LayerEntry['kind'],
  more: Partial<LayerEntry> = {},
): LayerEntry => ({
  path,
  kind,
  mode: 0o644,
  uid: 0,
  gid: 0,
  mtime: 1_700_000_000,
  size: 0,
  offset: 0,
  ...more,
})

const TREE = 'c1'.repeat(32)
const first = [
  entry('t/sync', 'file', { size: content.length, mode: 0o640, uid: 1000, gid: 50 }),
  entry('t/twin', 'hardlink', { target: 't/sync' }),
  entry('t/link', 'symlink', { target: 'sync', mode: 0o777 }),
  entry('t/null', 'character', { mode: 0o666, major: 1, minor: 3 }),
  entry('t/pipe', 'fifo'),
  entry('t/setuid', 'file', { mode: 0o4755 }),
  entry('t/b-\udcff\udcc3(', 'file', { size: 5 }),
  entry('t/ünï', 'file', { size: 1 }),
  entry(`t/${'n'.repeat(255)}`, 'file'),
  entry('t/gone', 'file'),
  ...Array.from({ length: 800 }, (_, at) => entry(`t/many/${at}`, 'file')),
]
const second = [
  entry('t/.wh.gone', 'file'),
  entry('t/async', 'file', { size: content.length }),
  entry('t/small', 'file', { size: 7, offset: 100 }),
]

describe('Linux over the 9p server', () => {
  let machine: GuestMachine
  beforeAll(async () => {
    machine = await startMachine()
    const busybox = await catalogTree('busybox:latest')
    const files = mergeLayers([
      { entries: first, source: memory },
      { entries: second, source: slow },
    ])
    const children = new Map([...(busybox.children ?? []), ...(files.children ?? [])])
    machine.trees.add(TREE, { ...busybox, children })
  }, 60_000)
  afterAll(() => machine[Symbol.asyncDispose]())

  const run = async (script: string): Promise<string> => {
    const start = containerStart(TREE, containerSpec(sh(script)))
    const { stdout, stderr, exit } = await finish(await machine.processes.run(start))
    await machine.containers.delete(start.container)
    expect({ stderr, exit }).toMatchObject({ stderr: '', exit: { kind: 'exited', code: 0 } })
    return stdout
  }
  const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

  test.each(['sync', 'async'])('content is right, read %s', async (name) => {
    expect(await run(`sha256sum < /t/${name}`)).toBe(`${sha256(content)}  -\n`)
    const part = sha256(content.subarray(1_234_567, 1_234_567 + 5000))
    expect(await run(`tail -c +1234568 /t/${name} | head -c 5000 | sha256sum`)).toBe(`${part}  -\n`)
    expect(await run('cat /t/small | sha256sum')).toBe(`${sha256(content.subarray(100, 107))}  -\n`)
  })

  test('attributes are right', async () => {
    const format = '%n %a %u %g %h %s %Y %F'
    expect(await run(`cd /t; stat -c '${format}' sync twin link null pipe setuid ünï`)).toBe(
      [
        `sync 640 1000 50 2 ${content.length} 1700000000 regular file`,
        `twin 640 1000 50 2 ${content.length} 1700000000 regular file`,
        'link 777 0 0 1 4 1700000000 symbolic link',
        'null 666 0 0 1 0 1700000000 character special file',
        'pipe 644 0 0 1 0 1700000000 fifo',
        'setuid 4755 0 0 1 0 1700000000 regular empty file',
        'ünï 644 0 0 1 1 1700000000 regular file',
        '',
      ].join('\n'),
    )
    expect(await run("cd /t; test sync -ef twin && readlink link && stat -c '%t:%T' null")).toBe(
      'sync\n1:3\n',
    )
    expect(await run('echo x > /t/null && cat /t/null')).toBe('')
  })

  test('names are bytes', async () => {
    expect(await run("cd /t; printf %s b* | od -An -tx1 | tr -d ' \\n'")).toBe('622dffc328')
    expect(await run("cat /t/b* | wc -c; ls /t | grep -c 'nnnn'")).toBe('5\n1\n')
    expect(await run('cd /t; test ! -e gone && ls | wc -l')).toBe('12\n')
  })

  test('a large directory is listed whole, and each name once', async () => {
    expect(await run('ls /t/many | sort -n | uniq | wc -l; ls -l /t/many | wc -l')).toBe(
      '800\n801\n',
    )
    expect(await run('find /t/many -type f | wc -l')).toBe('800\n')
  })

  test('the tree itself is never written', async () => {
    expect(
      await run('echo changed > /t/sync; rm /t/small; mv /t/ünï /t/x; cat /t/sync; ls /t/x'),
    ).toBe('changed\n/t/x\n')
    expect(await run('wc -c < /t/sync; cat /t/small | wc -c; echo /t/ü*')).toBe(
      `${content.length}\n7\n/t/ünï\n`,
    )
  })
})
