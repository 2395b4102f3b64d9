import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readTar } from '../../src/codec/tar/read.ts'
import { TarWriter, type TarMember } from '../../src/codec/tar/write.ts'
import type { ContainerFiles } from '../../src/core/guest-archives.ts'
import type { LayerEntry } from '../../src/core/layer.ts'
import type { GuestMachine } from '../../src/machine/guest-machine.ts'
import { containerSpec, containerStart } from '../support/container-spec.ts'
import { BUSYBOX, finish, sh, startMachine } from '../support/guest.ts'

let machine: GuestMachine
beforeAll(async () => {
  machine = await startMachine()
}, 120_000)
afterAll(async () => {
  await machine[Symbol.asyncDispose]()
})

type Member = LayerEntry & { readonly text?: string }

async function members(tar: ReadableStream<Uint8Array>): Promise<Map<string, Member>> {
  const found = new Map<string, Member>()
  let text = ''
  for await (const entry of readTar(
    tar,
    (_, bytes) => void (text += new TextDecoder().decode(bytes)),
  )) {
    found.set(entry.path, entry.kind === 'file' ? { ...entry, text } : entry)
    text = ''
  }
  return found
}

interface Ran extends AsyncDisposable {
  readonly files: ContainerFiles
}

/** A container that has run a script; `keep`: that runs on. */
async function ran(
  script: string,
  {
    redirect = true,
    keep = false,
    spec = {},
  }: { redirect?: boolean; keep?: boolean; spec?: object } = {},
): Promise<Ran> {
  const start = containerStart(
    BUSYBOX,
    containerSpec(sh(keep ? `${script}\necho ready; exec sleep 1000` : script), { spec }),
  )
  const { container } = start
  const process = await machine.processes.run({ ...start, rootfs: { ...start.rootfs, redirect } })
  if (keep) {
    const reader = process.output.getReader()
    const { value } = await reader.read()
    expect(new TextDecoder().decode(value?.bytes)).toBe('ready\n')
    reader.releaseLock()
  } else {
    const { exit, stderr } = await finish(process)
    expect({ exit, stderr }).toMatchObject({ exit: { code: 0 }, stderr: '' })
  }
  return {
    files: { container, tree: BUSYBOX },
    [Symbol.asyncDispose]: async () => {
      if (keep) {
        await machine.processes.signal({ container }, 9)
        await process.exited
      }
      await machine.containers.delete(container)
    },
  }
}

const fresh = (): Ran => {
  const { container } = containerStart(BUSYBOX, containerSpec(['true']))
  return {
    files: { container, tree: BUSYBOX },
    [Symbol.asyncDispose]: () => machine.containers.delete(container),
  }
}

const tarOf = (
  list: readonly (Partial<TarMember> & { path: string; text?: string })[],
): ReadableStream<Uint8Array> => {
  const writer = new TarWriter()
  const parts: Uint8Array[] = []
  for (const { text = '', ...member } of list) {
    const content = new TextEncoder().encode(text)
    const size = member.kind === undefined || member.kind === 'file' ? content.length : 0
    parts.push(
      writer.header({
        kind: 'file',
        mode: 0o644,
        uid: 0,
        gid: 0,
        mtime: 1_700_000_000.25,
        ...member,
        size,
      }),
      content.subarray(0, size),
      writer.padding(size),
    )
  }
  return new Blob([...parts, writer.end()] as BlobPart[]).stream()
}

/** The first bytes of a stream. */
const cut = (stream: ReadableStream<Uint8Array>, length: number): ReadableStream<Uint8Array> => {
  let left = length
  return stream.pipeThrough(
    new TransformStream({
      transform: (bytes, controller) => {
        controller.enqueue(bytes.subarray(0, left))
        left -= Math.min(left, bytes.length)
      },
    }),
  )
}

const script = `
set -e
echo new > /etc/new; chmod 640 /etc/new; chown 12:34 /etc/new
echo more >> /etc/passwd
rm /bin/vi
mkdir -p /a/b; echo 1 > /a/b/f; ln /a/b/f /a/link; ln -s ../etc /a/s; mkfifo /a/p; mknod /a/null c 1 3
touch -d '2001-02-03 04:05:06' /a/b/f
rm -r /home; mkdir /home; echo h > /home/h
`

describe.each([
  ['stopped', { keep: false, redirect: true }],
  ['running', { keep: true, redirect: true }],
  ['stopped, without redirects', { keep: false, redirect: false }],
] as const)('a container that has changed files, %s', (_, options) => {
  let container: Ran
  beforeAll(async () => {
    container = await ran(script, options)
  })
  afterAll(async () => {
    await container[Symbol.asyncDispose]()
  })

  test('its changes', async () => {
    const changes = await machine.files.listChanges(container.files)
    expect(changes.map(({ kind, path }) => `${'MAD'[kind]} ${path}`)).toEqual([
      'A /a',
      'A /a/b',
      'A /a/b/f',
      'A /a/link',
      'A /a/null',
      'A /a/p',
      'A /a/s',
      'M /bin',
      'D /bin/vi',
      'M /etc',
      'A /etc/new',
      'M /etc/passwd',
      'M /home',
      'A /home/h',
    ])
  })

  test('its layer', async () => {
    const layer = await members(await machine.files.readChanges(container.files))
    expect([...layer.keys()]).toEqual([
      'a',
      'a/b',
      'a/b/f',
      'a/link',
      'a/null',
      'a/p',
      'a/s',
      'bin',
      'bin/.wh.vi',
      'etc',
      'etc/new',
      'etc/passwd',
      'home',
      'home/.wh..wh..opq',
      'home/h',
    ])
    expect(layer.get('a/b/f')).toMatchObject({ kind: 'file', text: '1\n', mtime: 981_173_106 })
    expect(layer.get('a/link')).toMatchObject({ kind: 'hardlink', target: 'a/b/f' })
    expect(layer.get('a/s')).toMatchObject({ kind: 'symlink', target: '../etc' })
    expect(layer.get('a/p')).toMatchObject({ kind: 'fifo' })
    expect(layer.get('a/null')).toMatchObject({ kind: 'character', major: 1, minor: 3 })
    expect(layer.get('etc/new')).toMatchObject({ mode: 0o640, uid: 12, gid: 34, text: 'new\n' })
    expect(layer.get('etc/new')?.mtime).not.toBe(Math.floor(layer.get('etc/new')?.mtime ?? 0))
    expect(layer.get('etc/passwd')?.text).toMatch(/^root.*more\n$/s)
  })

  test('a file, a directory, the root', async () => {
    const file = await machine.files.read(container.files, '/etc/new')
    expect(file.stat).toMatchObject({ mode: 0o100640, size: 4, uid: 12, linkTarget: '' })
    expect([...(await members(file.tar)).entries()]).toMatchObject([
      ['new', { text: 'new\n', mode: 0o640 }],
    ])
    const directory = await members(
      (await machine.files.read(container.files, '/a/', { name: 'x' })).tar,
    )
    expect([...directory.keys()]).toEqual(['x', 'x/b', 'x/b/f', 'x/link', 'x/null', 'x/p', 'x/s'])
    expect(directory.get('x/link')?.target).toBe('x/b/f')
    const root = await members((await machine.files.read(container.files, '/', { name: '' })).tar)
    // All of busybox's names are links to the first.
    const busybox = root.get('bin/busybox')
    expect(root.get(busybox?.target ?? 'bin/busybox')?.size).toBeGreaterThan(500_000)
    expect(root.has('bin/vi')).toBe(false)
    expect([...root.keys()].filter((path) => path.startsWith('proc/'))).toEqual([])
  })

  test('stat: links and what is not there', async () => {
    expect(await machine.files.stat(container.files, '/a/s')).toMatchObject({
      linkTarget: '/etc',
      size: 6,
    })
    expect((await machine.files.stat(container.files, '/a/s/')).mode & 0o170000).toBe(0o040000)
    expect(await machine.files.stat(container.files, '../../etc/new')).toMatchObject({ size: 4 })
    await expect(machine.files.stat(container.files, '/nope/x')).rejects.toMatchObject({
      code: 'not-found',
      cause: { code: 'no-path' },
    })
    await expect(machine.files.stat(container.files, '/etc/new/x')).rejects.toThrow(
      'lstat /etc/new/x: not a directory',
    )
  })
})

test('a renamed directory of the image', async () => {
  await using container = await ran('mv /etc /moved; mkdir /etc; echo 1 > /etc/only')
  const layer = await members(await machine.files.readChanges(container.files))
  expect(layer.get('moved/passwd')?.text).toMatch(/^root/)
  expect([...layer.keys()].filter((path) => path.startsWith('etc'))).toEqual([
    'etc',
    'etc/.wh..wh..opq',
    'etc/only',
  ])
  const changes = await machine.files.listChanges(container.files)
  expect(changes).toContainEqual({ kind: 2, path: '/etc/passwd' })
  expect(changes).toContainEqual({ kind: 1, path: '/moved/passwd' })
})

describe('writing', () => {
  const list = [
    { path: 'd', kind: 'directory', mode: 0o750, uid: 5, gid: 6, mtime: 1_600_000_000.5 },
    {
      path: 'd/f',
      text: 'hello\n',
      mode: 0o4755,
      uid: 7,
      gid: 8,
      xattrs: { 'user.k': new Uint8Array([1, 0, 2]) },
    },
    { path: 'd/h', kind: 'hardlink', target: 'd/f' },
    { path: 'd/s', kind: 'symlink', target: '/nowhere' },
    { path: 'new/deep/file', text: 'x' },
    { path: 'd/\udcff', text: 'a name of bytes' },
    { path: `d/${'long'.repeat(50)}`, text: 'long' },
  ] as const

  test.each(['new', 'running'])('into a %s container, and back', async (kind) => {
    await using container = kind === 'new' ? fresh() : await ran('', { keep: true })
    await machine.files.write(container.files, '/tmp', tarOf(list))
    const back = await members((await machine.files.read(container.files, '/tmp')).tar)
    expect(back.get('tmp/d')).toMatchObject({ mode: 0o750, uid: 5, gid: 6, mtime: 1_600_000_000.5 })
    expect(back.get('tmp/d/f')).toMatchObject({
      mode: 0o4755,
      uid: 7,
      gid: 8,
      text: 'hello\n',
      mtime: 1_700_000_000.25,
    })
    expect(back.get('tmp/d/f')?.xattrs).toEqual({ 'user.k': new Uint8Array([1, 0, 2]) })
    expect(back.get('tmp/d/h')).toMatchObject({ kind: 'hardlink', target: 'tmp/d/f' })
    expect(back.get('tmp/d/s')).toMatchObject({ target: '/nowhere' })
    expect(back.get('tmp/new/deep')).toMatchObject({ kind: 'directory', mode: 0o755 })
    expect(back.get('tmp/d/\udcff')?.text).toBe('a name of bytes')
    expect(back.get(`tmp/d/${'long'.repeat(50)}`)?.text).toBe('long')
  })

  test('an owner for all', async () => {
    await using container = fresh()
    await machine.files.write(container.files, '/tmp', tarOf(list), { owner: { uid: 33, gid: 44 } })
    for (const [path, entry] of await members(
      (await machine.files.read(container.files, '/tmp/d')).tar,
    )) {
      expect([path, entry.uid, entry.gid]).toEqual([path, 33, 44])
    }
  })

  test('many megabytes, both ways', async () => {
    await using container = await ran('', { keep: true })
    const text = 'drydock\n'.repeat(1 << 20)
    await machine.files.write(container.files, '/tmp', tarOf([{ path: 'big', text }]))
    expect(
      (await members((await machine.files.read(container.files, '/tmp/big')).tar)).get('big')?.text,
    ).toBe(text)
  })

  test('links in the archive and in the container stay inside', async () => {
    await using container = await ran(
      'ln -s ../../../../../../outside /tmp/l; mkdir /outside; ln -s /etc /tmp/etc',
    )
    await machine.files.write(
      container.files,
      '/tmp',
      tarOf([
        { path: 'l/f', text: '1' },
        { path: 'etc/g', text: '2' },
      ]),
    )
    expect(await machine.files.stat(container.files, '/outside/f')).toMatchObject({ size: 1 })
    expect(await machine.files.stat(container.files, '/etc/g')).toMatchObject({ size: 1 })
  })

  const refused: readonly [string, string, ReadableStream<Uint8Array>, RegExp][] = [
    ['no directory', '/nope', tarOf(list), /no such file/],
    ['a file', '/etc/passwd', tarOf(list), /extraction point is not a directory/],
    ['below a file', '/etc/passwd/x', tarOf(list), /^not a directory/],
    [
      'a member outside',
      '/tmp',
      tarOf([{ path: '../x', text: '1' }]),
      /invalid entry name "\.\.\/x"/,
    ],
    [
      'a link outside',
      '/tmp',
      tarOf([{ path: 'x', kind: 'hardlink', target: '../../etc/passwd' }]),
      /invalid hardlink target/,
    ],
    [
      'a link to nothing',
      '/tmp',
      tarOf([{ path: 'x', kind: 'hardlink', target: 'y' }]),
      /no such file/,
    ],
    [
      'no tar',
      '/tmp',
      new Blob(['no tar at all'.repeat(100)]).stream(),
      /archive\/tar: invalid tar header/,
    ],
    ['half a tar', '/tmp', cut(tarOf(list), 700), /^unexpected EOF/],
    [
      'a file for a directory',
      '/',
      tarOf([{ path: 'etc', text: '1' }]),
      /cannot overwrite directory "etc" with non-directory "\/"/,
    ],
    [
      'a directory for a file',
      '/etc',
      tarOf([{ path: 'passwd', kind: 'directory' }]),
      /cannot overwrite non-directory "passwd" with directory "\/etc"/,
    ],
  ]
  test.each(refused)('refused: %s', async (_, path, tar, message) => {
    await using container = fresh()
    await expect(
      machine.files.write(container.files, path, tar, { noOverwriteDirNonDir: true }),
    ).rejects.toThrow(message)
  })

  test('a reader who leaves, a writer who gives up', async () => {
    await using container = await ran('', { keep: true })
    const { tar } = await machine.files.read(container.files, '/')
    const reader = tar.getReader()
    await reader.read()
    await reader.cancel()
    const failing = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.error(new Error('the client left')),
    })
    await expect(machine.files.write(container.files, '/tmp', failing)).rejects.toThrow(
      'the client left',
    )
    const abort = new AbortController()
    const endless = new ReadableStream<Uint8Array>({ pull: () => new Promise(() => undefined) })
    const writing = machine.files.write(container.files, '/tmp', endless, { signal: abort.signal })
    setTimeout(() => abort.abort(new Error('enough')), 50)
    await expect(writing).rejects.toThrow('enough')
    expect(await machine.guest.ping()).toBeLessThan(1000)
  })
})
