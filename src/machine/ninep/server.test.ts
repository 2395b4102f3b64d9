import { expect, test, vi } from 'vitest'
import { FrameReader } from '../../codec/ninep/frame-reader.ts'
import { FrameWriter } from '../../codec/ninep/frame-writer.ts'
import { errno, request } from '../../codec/ninep/wire.ts'
import { mergeLayers } from '../../codec/layer-merge.ts'
import type { ContentSource, LayerEntry } from '../../core/layer.ts'
import { NinepServer } from './server.ts'

type Field = ['u8' | 'u16' | 'u32' | 'u64', number] | ['name', string]

/** A client that speaks as Linux does, one request at a time. */
class Client {
  readonly server: NinepServer
  constructor(server: NinepServer) {
    this.server = server
  }

  frame(type: number, tag: number, ...fields: readonly Field[]): Uint8Array {
    const writer = new FrameWriter(8192).begin(type, tag)
    for (const field of fields) {
      if (field[0] === 'name') writer.name(field[1])
      else writer[field[0]](field[1])
    }
    return writer.finish().slice()
  }

  /** The reply's fields, or the error as a negative number. */
  async call(type: number, ...fields: readonly Field[]): Promise<FrameReader | number> {
    const reply = await this.server.handle(this.frame(type, 7, ...fields))
    const reader = new FrameReader(reply.slice())
    expect(reader.u32()).toBe(reply.length)
    const got = reader.u8()
    expect(reader.u16()).toBe(7)
    if (got === 7) return -reader.u32()
    expect(got).toBe(type + 1)
    return reader
  }

  async ok(type: number, ...fields: readonly Field[]): Promise<FrameReader> {
    const reply = await this.call(type, ...fields)
    if (typeof reply === 'number') throw new Error(`errno ${-reply}`)
    return reply
  }

  async mount(): Promise<void> {
    const reply = await this.ok(request.version, ['u32', 1 << 20], ['name', '9P2000.L'])
    expect([reply.u32(), reply.name()]).toEqual([512_000, '9P2000.L'])
    await this.ok(
      request.attach,
      ['u32', 0],
      ['u32', 0xffffffff],
      ['name', 'root'],
      ['name', ''],
      ['u32', 0],
    )
  }

  walk(fid: number, newFid: number, ...names: readonly string[]) {
    const fields = names.map((name): Field => ['name', name])
    return this.call(request.walk, ['u32', fid], ['u32', newFid], ['u16', names.length], ...fields)
  }

  async stat(fid: number) {
    const reply = await this.ok(request.getattr, ['u32', fid], ['u64', 0x3fff])
    const [valid, type, version, path] = [reply.u64(), reply.u8(), reply.u32(), reply.u64()]
    const [mode, uid, gid, nlink, rdev, size] = [
      reply.u32(),
      reply.u32(),
      reply.u32(),
      reply.u64(),
      reply.u64(),
      reply.u64(),
    ]
    const [blksize, blocks] = [reply.u64(), reply.u64()]
    reply.u64()
    reply.u64()
    const mtime = reply.u64() + reply.u64() / 1e9
    return { valid, type, version, path, mode, uid, gid, nlink, rdev, size, blksize, blocks, mtime }
  }

  async names(fid: number, count = 4096): Promise<string[]> {
    const names: string[] = []
    let offset = 0
    for (;;) {
      const reply = await this.ok(request.readdir, ['u32', fid], ['u64', offset], ['u32', count])
      const bytes = reply.u32()
      expect(bytes).toBeLessThanOrEqual(count)
      if (bytes === 0) return names
      for (let left = bytes; left > 0;) {
        reply.u8()
        expect(reply.u32()).toBe(1)
        expect(reply.u64()).toBeGreaterThan(0)
        offset = reply.u64()
        reply.u8()
        const name = reply.name()
        names.push(name)
        left -= 24 + Buffer.byteLength(name)
      }
    }
  }

  async read(fid: number, offset: number, count: number): Promise<string | number> {
    const reply = await this.call(request.read, ['u32', fid], ['u64', offset], ['u32', count])
    if (typeof reply === 'number') return reply
    const length = reply.u32()
    return String.fromCharCode(...Array.from({ length }, () => reply.u8()))
  }
}

const content = Buffer.from('hello world')
const memory: ContentSource = { read: (at, length) => content.subarray(at, at + length) }
const slow: ContentSource = {
  read: async (at, length) => {
    await Promise.resolve()
    return content.subarray(at, at + length)
  },
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
const entries = [
  entry('bin', 'directory', { mode: 0o755 }),
  entry('bin/sh', 'file', {
    mode: 0o4755,
    uid: 1,
    gid: 2,
    size: 5,
    offset: 6,
    mtime: 1_700_000_000.5,
    xattrs: {
      'security.capability': Uint8Array.of(1, 2, 3),
      'trusted.overlay.opaque': Uint8Array.of(0x79),
    },
  }),
  entry('bin/ash', 'hardlink', { target: 'bin/sh' }),
  entry('lib', 'symlink', { mode: 0o777, target: 'usr/lïb' }),
  entry('null', 'character', { mode: 0o666, major: 1, minor: 259 }),
  entry('b\udcffd', 'file', { size: 11 }),
  ...Array.from({ length: 500 }, (_, at) => entry(`many/${at}`, 'file')),
]

async function mounted(source: ContentSource = memory, onError?: (error: unknown) => void) {
  const server = new NinepServer(onError)
  server.addTree('t1', mergeLayers([{ entries, source }]))
  const client = new Client(server)
  await client.mount()
  return client
}

test('the root lists the trees', async () => {
  const client = await mounted()
  client.server.addTree('t2', mergeLayers([]))
  await client.walk(0, 1)
  await client.ok(request.lopen, ['u32', 1], ['u32', 0])
  expect(await client.names(1)).toEqual(['.', '..', 't1', 't2'])
  client.server.removeTree('t1')
  expect(await client.walk(0, 2, 't1')).toBe(-errno.ENOENT)
})

test("attributes are the layer's", async () => {
  const client = await mounted()
  await client.walk(0, 1, 't1', 'bin', 'sh')
  expect(await client.stat(1)).toMatchObject({
    valid: 0x7ff,
    type: 0,
    version: 1,
    mode: 0o104755,
    uid: 1,
    gid: 2,
    nlink: 2,
    size: 5,
    blocks: 1,
    mtime: 1_700_000_000.5,
  })
  await client.walk(0, 2, 't1', 'lib')
  expect(await client.stat(2)).toMatchObject({ type: 2, mode: 0o120777, size: 8 })
  const link = await client.ok(request.readlink, ['u32', 2])
  expect(link.name()).toBe('usr/lïb')
  await client.walk(0, 3, 't1', 'null')
  // Linux new_encode_dev(MKDEV(1, 259))
  expect(await client.stat(3)).toMatchObject({ mode: 0o020666, rdev: 0x100103 })
  await client.walk(0, 4, 't1')
  expect(await client.stat(4)).toMatchObject({ type: 0x80, mode: 0o040755, nlink: 4 })
})

test('links of one file have one qid, and so have images with the same layer', async () => {
  const server = new NinepServer()
  const layer = { entries, source: memory }
  server.addTree('t1', mergeLayers([layer]))
  server.addTree('t2', mergeLayers([layer, { entries: [entry('x', 'file')], source: memory }]))
  const client = new Client(server)
  await client.mount()
  const pathOf = async (...names: readonly string[]): Promise<number> => {
    await client.walk(0, 9, ...names)
    const { path } = await client.stat(9)
    await client.ok(request.clunk, ['u32', 9])
    return path
  }
  const path = await pathOf('t1', 'bin', 'sh')
  expect(await pathOf('t1', 'bin', 'ash')).toBe(path)
  expect(await pathOf('t2', 'bin', 'sh')).toBe(path)
  expect(await pathOf('t2', 'bin')).not.toBe(await pathOf('t1', 'bin'))
})

test('directories are listed whole, whatever the size of the replies', async () => {
  const client = await mounted()
  for (const count of [50, 333, 500_000]) {
    await client.walk(0, 1, 't1', 'many')
    await client.ok(request.lopen, ['u32', 1], ['u32', 0])
    const names = await client.names(1, count)
    expect(names).toEqual(['.', '..', ...Array.from({ length: 500 }, (_, at) => `${at}`)])
    await client.ok(request.clunk, ['u32', 1])
  }
})

test.each([
  ['at once', memory],
  ['later', slow],
])('content that comes %s is read', async (_, source) => {
  const client = await mounted(source)
  await client.walk(0, 1, 't1', 'bin', 'sh')
  await client.ok(request.lopen, ['u32', 1], ['u32', 0o100000])
  expect(await client.read(1, 0, 100)).toBe('world')
  expect(await client.read(1, 3, 1)).toBe('l')
  expect(await client.read(1, 5, 100)).toBe('')
  expect(await client.read(1, 2 ** 40, 100)).toBe('')
  await client.walk(0, 2, 't1', 'b\udcffd')
  await client.ok(request.lopen, ['u32', 2], ['u32', 0])
  expect(await client.read(2, 0, 0xffffffff)).toBe('hello world')
})

test.each<[string, ContentSource]>([
  [
    'throws',
    {
      read: () => {
        throw new Error('gone')
      },
    },
  ],
  ['rejects', { read: () => Promise.reject(new Error('gone')) }],
  ['ends early', { read: () => new Uint8Array(2) }],
  ['ends early, later', { read: () => Promise.resolve(new Uint8Array(2)) }],
])('a source that %s is EIO, and is told', async (_, source) => {
  const onError = vi.fn()
  const client = await mounted(source, onError)
  await client.walk(0, 1, 't1', 'bin', 'sh')
  await client.ok(request.lopen, ['u32', 1], ['u32', 0])
  expect(await client.read(1, 0, 5)).toBe(-errno.EIO)
  expect(onError).toHaveBeenCalledOnce()
})

test('flush is answered after the read that it is about', async () => {
  let settle: (bytes: Uint8Array) => void = () => undefined
  const client = await mounted({
    read: () => new Promise<Uint8Array>((resolve) => (settle = resolve)),
  })
  await client.walk(0, 1, 't1', 'bin', 'sh')
  await client.ok(request.lopen, ['u32', 1], ['u32', 0])
  const order: string[] = []
  const { server } = client
  const read = server.handle(client.frame(request.read, 1, ['u32', 1], ['u64', 0], ['u32', 5]))
  const flush = server.handle(client.frame(request.flush, 2, ['u16', 1]))
  const done = [
    Promise.resolve(read).then(() => order.push('read')),
    Promise.resolve(flush).then(() => order.push('flush')),
  ]
  expect(await client.ok(request.flush, ['u16', 99])).toBeDefined()
  expect(order).toEqual([])
  settle(content.subarray(0, 5))
  await Promise.all(done)
  expect(order).toEqual(['read', 'flush'])
})

test("xattrs: values, the list, the overlay's own hidden", async () => {
  const client = await mounted()
  await client.walk(0, 1, 't1', 'bin', 'sh')
  const size = await client.ok(
    request.xattrwalk,
    ['u32', 1],
    ['u32', 2],
    ['name', 'security.capability'],
  )
  expect(size.u64()).toBe(3)
  expect(await client.read(2, 0, 100)).toBe('\x01\x02\x03')
  const list = await client.ok(request.xattrwalk, ['u32', 1], ['u32', 3], ['name', ''])
  expect(list.u64()).toBe(20)
  expect(await client.read(3, 0, 100)).toBe('security.capability\0')
  for (const name of ['trusted.overlay.opaque', 'user.x', 'toString'])
    expect(await client.call(request.xattrwalk, ['u32', 1], ['u32', 4], ['name', name])).toBe(
      -errno.ENODATA,
    )
  expect(
    await client.call(
      request.xattrwalk,
      ['u32', 0],
      ['u32', 4],
      ['name', 'trusted.overlay.opaque'],
    ),
  ).toBe(-errno.ENODATA)
})

test('walks stop where Linux expects', async () => {
  const client = await mounted()
  expect(await client.walk(0, 1, 'none')).toBe(-errno.ENOENT)
  const part = await client.walk(0, 1, 't1', 'bin', 'none', 'x')
  expect(typeof part === 'number' ? part : part.u16()).toBe(2)
  expect(await client.call(request.clunk, ['u32', 1])).toBe(-errno.EBADF)
  await client.walk(0, 1, 't1', 'bin', 'sh')
  expect(await client.walk(1, 2, 'x')).toBe(-errno.ENOTDIR)
  await client.walk(0, 3, 't1', 'bin', '..', '..', '..', 't1', '.', 'many')
  const { path } = await client.stat(3)
  await client.walk(0, 4, 't1', 'many')
  expect((await client.stat(4)).path).toBe(path)
  expect(await client.walk(0, 4, 't1')).toBe(-errno.EBADF)
  expect(await client.walk(0, 5, ...Array.from({ length: 17 }, () => '.'))).toBe(-errno.EINVAL)
})

test.each([
  'lcreate',
  'symlink',
  'mknod',
  'rename',
  'setattr',
  'xattrcreate',
  'link',
  'mkdir',
  'renameat',
  'unlinkat',
  'write',
  'remove',
] as const)('%s is EROFS', async (name) => {
  const client = await mounted()
  expect(await client.call(request[name], ['u32', 0], ['u64', 0], ['u64', 0])).toBe(-errno.EROFS)
})

test('opening for writing is EROFS, unknown requests are EOPNOTSUPP', async () => {
  const client = await mounted()
  await client.walk(0, 1, 't1', 'bin', 'sh')
  for (const flags of [1, 2, 0o1000])
    expect(await client.call(request.lopen, ['u32', 1], ['u32', flags])).toBe(-errno.EROFS)
  expect(await client.call(request.auth)).toBe(-errno.EOPNOTSUPP)
  expect(await client.call(200)).toBe(-errno.EOPNOTSUPP)
})

test('fids are bounded', async () => {
  const client = await mounted()
  const { server } = client
  const frame = client.frame(request.walk, 1, ['u32', 0], ['u32', 0], ['u16', 0])
  const view = new DataView(frame.buffer)
  let reply = new Uint8Array()
  for (let fid = 1; fid <= 1 << 18; fid++) {
    view.setUint32(11, fid, true)
    reply = server.handle(frame) as Uint8Array<ArrayBuffer>
  }
  expect([reply[4], reply[7]]).toEqual([7, errno.ENFILE])
})

test('every frame is answered, whatever is in it', async () => {
  const client = await mounted(slow)
  let seed = 7
  const random = (below: number): number => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0
    return Math.floor((seed / 2 ** 32) * below)
  }
  const types = [...Object.values(request), 0, 7, 255]
  for (let round = 0; round < 30_000; round++) {
    const frame = Uint8Array.from({ length: random(60) }, () =>
      random(3) === 0 ? random(256) : random(4),
    )
    if (frame.length >= 7 && random(4) > 0) {
      new DataView(frame.buffer).setUint32(0, frame.length, true)
      frame[4] = types[random(types.length)] ?? 0
    }
    const reply = await client.server.handle(frame)
    expect(new DataView(reply.buffer, reply.byteOffset).getUint32(0, true)).toBe(reply.length)
    expect(reply.length).toBeGreaterThanOrEqual(7)
  }
})
