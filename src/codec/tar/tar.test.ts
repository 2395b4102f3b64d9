import { execFileSync } from 'node:child_process'
import {
  linkSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import type { LayerEntry } from '../../core/layer.ts'
import { readTar } from './read.ts'
import { TarWriter, type TarMember } from './write.ts'

const folder = mkdtempSync(join(tmpdir(), 'tar-test-'))
afterAll(() => rmSync(folder, { recursive: true }))

async function* pieces(bytes: Uint8Array, size = 700): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

async function read(bytes: Uint8Array, size?: number) {
  const entries: LayerEntry[] = []
  const contents = new Map<string, string>()
  const stream = readTar(pieces(bytes, size), (entry, part) => {
    contents.set(
      entry.path,
      (contents.get(entry.path) ?? '') + Buffer.from(part).toString('latin1'),
    )
  })
  for await (const entry of stream) entries.push(entry)
  return { entries, contents, byPath: new Map(entries.map((entry) => [entry.path, entry])) }
}

const long = `${'d'.repeat(90)}/${'e'.repeat(90)}/${'f'.repeat(120)}`

function makeTree(): string {
  const tree = join(folder, 'tree')
  rmSync(tree, { recursive: true, force: true })
  mkdirSync(join(tree, long, '..'), { recursive: true })
  writeFileSync(join(tree, long), 'long name')
  writeFileSync(join(tree, 'empty'), '')
  writeFileSync(join(tree, 'a'), 'A'.repeat(1000), { mode: 0o640 })
  utimesSync(join(tree, 'a'), 1_700_000_000.25, 1_700_000_000.25)
  linkSync(join(tree, 'a'), join(tree, 'b'))
  symlinkSync('../'.repeat(50) + 'nowhere', join(tree, 'link'))
  writeFileSync(
    Buffer.concat([Buffer.from(`${tree}/bytes-`), Buffer.from([0xff, 0xc3, 0x28])]),
    'x',
  )
  writeFileSync(join(tree, 'ünïcode'), 'u')
  execFileSync('sh', ['-c', 'mkfifo "$0"', join(tree, 'pipe')])
  return tree
}

describe.each(['gnu', 'pax', 'ustar'] as const)('an archive by GNU tar in format %s', (format) => {
  const tree = makeTree()
  // ustar has no room for the long symlink and splits long names only where they fit.
  const skip = format === 'ustar' ? ['--exclude=link', '--exclude=dddd*'] : []
  const bytes = execFileSync('tar', [
    '-C',
    tree,
    `--format=${format}`,
    '--sort=name',
    ...skip,
    '-cf',
    '-',
    '.',
  ])

  test.each([1, 511, 700, 1 << 20])('is read from chunks of %i bytes', async (size) => {
    const { byPath, contents } = await read(bytes, size)
    expect(byPath.get('')).toMatchObject({ kind: 'directory' })
    expect(byPath.get('a')).toMatchObject({
      kind: 'file',
      mode: 0o640,
      size: 1000,
      mtime: format === 'pax' ? 1_700_000_000.25 : 1_700_000_000,
    })
    expect(contents.get('a')).toBe('A'.repeat(1000))
    expect(byPath.get('b')).toMatchObject({ kind: 'hardlink', target: 'a', size: 0 })
    expect(byPath.get('empty')).toMatchObject({ kind: 'file', size: 0 })
    expect(byPath.get('pipe')).toMatchObject({ kind: 'fifo' })
    expect(byPath.get('ünïcode')).toMatchObject({ size: 1 })
    expect(byPath.get('bytes-\udcff\udcc3(')).toMatchObject({ size: 1 })
    if (format === 'ustar') return
    expect(contents.get(long)).toBe('long name')
    expect(byPath.get('link')).toMatchObject({
      kind: 'symlink',
      target: '../'.repeat(50) + 'nowhere',
    })
  })

  test('has each content at its offset', async () => {
    const { entries, contents } = await read(bytes)
    for (const { path, kind, offset, size } of entries) {
      if (kind !== 'file') continue
      expect(bytes.subarray(offset, offset + size).toString('latin1')).toBe(
        contents.get(path) ?? '',
      )
    }
  })

  test('is refused when truncated anywhere inside', async () => {
    const { entries } = await read(bytes)
    const last = entries.filter(({ size }) => size > 0).at(-1)
    const end = (last?.offset ?? 0) + (last?.size ?? 0)
    for (let cut = 100; cut < end; cut += 997) {
      if (cut % 512 === 0) continue
      const inPadding = entries.some(
        ({ offset, size }) => cut >= offset + size && cut < Math.ceil((offset + size) / 512) * 512,
      )
      if (inPadding) continue
      await expect(read(bytes.subarray(0, cut)), `cut at ${cut}`).rejects.toMatchObject({
        code: 'invalid-parameter',
      })
    }
  })
})

test('sparse files are refused with that reason', async () => {
  const file = join(folder, 'sparse')
  writeFileSync(file, '')
  truncateSync(file, 10_000_000)
  for (const format of ['gnu', 'pax']) {
    const bytes = execFileSync('tar', [
      '-C',
      folder,
      '-S',
      `--format=${format}`,
      '-cf',
      '-',
      'sparse',
    ])
    await expect(read(bytes)).rejects.toThrow('sparse files are not supported')
  }
})

const members: readonly TarMember[] = [
  { path: '', kind: 'directory', mode: 0o755, uid: 0, gid: 0, mtime: 0, size: 0 },
  {
    path: 'bin/ping',
    kind: 'file',
    mode: 0o4755,
    uid: 4_000_000_000,
    gid: 3_000_000,
    mtime: 1_700_000_000.123,
    size: 5,
    xattrs: { 'security.capability': Uint8Array.of(1, 0, 0, 2, 10, 0xff, 0x3d) },
  },
  {
    path: 'bin/pong',
    kind: 'hardlink',
    mode: 0o4755,
    uid: 0,
    gid: 0,
    mtime: 0,
    size: 0,
    target: 'bin/ping',
  },
  {
    path: long,
    kind: 'symlink',
    mode: 0o777,
    uid: 1,
    gid: 2,
    mtime: 3,
    size: 0,
    target: `${long}/ü`,
  },
  {
    path: 'null',
    kind: 'character',
    mode: 0o666,
    uid: 0,
    gid: 0,
    mtime: 9,
    size: 0,
    major: 1,
    minor: 3,
  },
  {
    path: 'loop',
    kind: 'block',
    mode: 0o660,
    uid: 0,
    gid: 6,
    mtime: 9,
    size: 0,
    major: 7,
    minor: 0,
  },
  { path: 'x\udcff', kind: 'file', mode: 0o600, uid: 0, gid: 0, mtime: 1, size: 0 },
]

function write(): Buffer {
  const writer = new TarWriter()
  const parts = members.flatMap((member) => [
    writer.header(member),
    Buffer.alloc(member.size, 'p'),
    writer.padding(member.size),
  ])
  return Buffer.concat([...parts, writer.end()])
}

test('what is written is read back the same', async () => {
  const { entries } = await read(write())
  expect(entries).toEqual(
    members.map((member) => ({ ...member, offset: expect.any(Number) as number })),
  )
})

test('GNU tar reads what is written', () => {
  const listed = execFileSync('tar', ['-tvf', '-', '--numeric-owner', '--xattrs'], {
    input: write(),
    encoding: 'utf8',
    env: { ...process.env, TZ: 'UTC', LC_ALL: 'C.UTF-8' },
  })
  expect(listed).toContain('-rwsr-xr-x  4000000000/3000000 ')
  expect(listed).toContain('bin/pong link to bin/ping')
  expect(listed).toContain('crw-rw-rw-')
})

test('an archive is the same each time', () => expect(write().equals(write())).toBe(true))

test.each([
  ['../etc/passwd', undefined],
  ['a/../../b', undefined],
  ['./a//b/./c/', 'a/b/c'],
  ['/etc/../x', 'x'],
])('the name %s becomes %s', async (name, expected) => {
  const writer = new TarWriter()
  const bytes = Buffer.concat([
    writer.header({ path: name, kind: 'file', mode: 0, uid: 0, gid: 0, mtime: 0, size: 0 }),
    writer.end(),
  ])
  if (expected === undefined)
    await expect(read(bytes)).rejects.toMatchObject({ code: 'invalid-parameter' })
  else expect((await read(bytes)).entries[0]?.path).toBe(expected)
})

test('noise is an EngineError or an archive, never another error', async () => {
  let seed = 1
  const random = (): number => (seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31) / 2 ** 31
  const good = execFileSync('tar', ['-C', join(folder, 'tree'), '--format=pax', '-cf', '-', '.'])
  for (let round = 0; round < 400; round++) {
    const bytes = Buffer.from(good)
    for (let count = 0; count < 1 + (round % 8); count++)
      bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256)
    await read(bytes.subarray(0, Math.floor(random() * bytes.length)), 4096).catch(
      (error: unknown) => {
        expect(error).toMatchObject({ name: 'EngineError', code: 'invalid-parameter' })
      },
    )
  }
})
