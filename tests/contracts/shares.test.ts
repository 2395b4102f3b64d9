import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { FrameReader } from '../../src/codec/ninep/frame-reader.ts'
import { FrameWriter } from '../../src/codec/ninep/frame-writer.ts'
import { errno, request } from '../../src/codec/ninep/wire.ts'
import { EngineError } from '../../src/core/error.ts'
import { changeOwner } from '../../src/hosts/node/shares/node-shared-file.ts'
import { NodeSharedFiles } from '../../src/hosts/node/shares/node-shared-files.ts'
import { SharedDirectories } from '../../src/hosts/node/shares/shared-directories.ts'
import { ShareServer } from '../../src/machine/ninep/share-server.ts'

type Field = ['u8' | 'u16' | 'u32' | 'u64', number] | ['name', string]

let outside: string
let share: string
let server: ShareServer
const faults: unknown[] = []

beforeEach(() => {
  outside = realpathSync(mkdtempSync(join(tmpdir(), 'drydock-ninep-')))
  share = join(outside, 'share')
  mkdirSync(join(share, 'd'), { recursive: true })
  writeFileSync(join(share, 'd/f'), 'content')
  writeFileSync(join(outside, 'secret'), 'secret')
  symlinkSync(outside, join(share, 'out'))
  faults.length = 0
  server = new ShareServer(
    [new NodeSharedFiles(share)],
    () => Date.now() / 1000,
    (error) => faults.push(error),
  )
})

afterEach(() => {
  server[Symbol.dispose]()
  rmSync(outside, { recursive: true, force: true })
})

function frame(type: number, fields: readonly Field[]): Uint8Array {
  const writer = new FrameWriter(8192).begin(type, 7)
  for (const field of fields) {
    if (field[0] === 'name') writer.name(field[1])
    else writer[field[0]](field[1])
  }
  return writer.finish().slice()
}

/** The reply's fields, or the error as a negative number. */
async function call(type: number, ...fields: readonly Field[]): Promise<FrameReader | number> {
  const reply = (await server.handle(frame(type, fields))).slice()
  const reader = new FrameReader(reply)
  expect(reader.u32()).toBe(reply.length)
  const got = reader.u8()
  expect(reader.u16()).toBe(7)
  if (got === 7) return -reader.u32()
  expect(got).toBe(type + 1)
  return reader
}

async function mount(): Promise<void> {
  await call(request.version, ['u32', 1 << 20], ['name', '9P2000.L'])
  await call(
    request.attach,
    ['u32', 0],
    ['u32', 0xffffffff],
    ['name', ''],
    ['name', ''],
    ['u32', 0],
  )
}

const walk = (fid: number, newFid: number, ...names: readonly string[]) =>
  call(
    request.walk,
    ['u32', fid],
    ['u32', newFid],
    ['u16', names.length],
    ...names.map((name): Field => ['name', name]),
  )

/** How many of the names were found. */
const walked = async (...names: readonly string[]): Promise<number> => {
  const reply = await walk(0, 99, ...names)
  await call(request.clunk, ['u32', 99])
  return typeof reply === 'number' ? reply : reply.u16()
}

test('a walk stays in what is shared', async () => {
  await mount()
  expect(await walked('0', 'd', 'f')).toBe(3)
  expect(await walked('1')).toBe(-errno.ENOENT)
  expect(await walked('..', '..', '0', '..', '0', 'd', '..', 'd')).toBe(8)
  expect(await walked('0', 'out', 'secret')).toBe(2)
  expect(await walked('0', '../secret')).toBe(1)
  expect(await walked('0', 'd/f')).toBe(1)
  expect(await walked('0', 'd\0')).toBe(1)
})

test.each<[string, number, readonly Field[]]>([
  [
    'mkdir',
    request.mkdir,
    [
      ['u32', 0o755],
      ['u32', 0],
    ],
  ],
  [
    'create',
    request.lcreate,
    [
      ['u32', 2],
      ['u32', 0o644],
      ['u32', 0],
    ],
  ],
  [
    'symlink',
    request.symlink,
    [
      ['name', 'x'],
      ['u32', 0],
    ],
  ],
  ['unlink', request.unlinkat, [['u32', 0x200]]],
])('%s takes a name, no path', async (_, type, more) => {
  await mount()
  await walk(0, 1, '0', 'd')
  for (const name of ['..', '.', '', '../x', '/etc/x', 'a\0b'])
    expect(await call(type, ['u32', 1], ['name', name], ...more), name).toBe(-errno.EINVAL)
  expect(await call(type, ['u32', 0], ['name', 'x'], ...more)).toBe(-errno.EROFS)
  await walk(0, 2, '0', 'out')
  expect(await call(type, ['u32', 2], ['name', 'secret'], ...more)).toBeLessThan(0)
  expect(readdirSync(outside).sort()).toEqual(['secret', 'share'])
})

test('extended attributes are none, devices are refused', async () => {
  await mount()
  await walk(0, 1, '0', 'd')
  const named = await call(request.xattrwalk, ['u32', 1], ['u32', 5], ['name', 'user.x'])
  expect(named).toBe(-errno.ENODATA)
  const list = await call(request.xattrwalk, ['u32', 1], ['u32', 5], ['name', ''])
  expect(typeof list === 'number' ? list : list.u64()).toBe(0)
  const set: Field[] = [
    ['u32', 1],
    ['name', 'user.x'],
    ['u64', 1],
    ['u32', 0],
  ]
  expect(await call(request.xattrcreate, ...set)).toBe(-errno.EOPNOTSUPP)
  const node: Field[] = [
    ['u32', 0o020666],
    ['u32', 1],
    ['u32', 3],
    ['u32', 0],
  ]
  expect(await call(request.mknod, ['u32', 1], ['name', 'null'], ...node)).toBe(-errno.EPERM)
})

test('handles are bounded, and given back', async () => {
  await mount()
  const fields = (fid: number): Field[] => [
    ['u32', 0],
    ['u32', fid],
    ['u16', 0],
  ]
  for (let fid = 1; fid < 1 << 16; fid++) await server.handle(frame(request.walk, fields(fid)))
  expect(await walk(0, 1 << 16)).toBe(-errno.ENFILE)
  await mount()
  expect(await walked('0', 'd')).toBe(2)
})

test('whatever comes is answered, and harms nothing outside', async () => {
  await mount()
  await walk(0, 1, '0')
  let seed = 12345
  const random = (limit: number): number => {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0
    return Math.floor((seed / 2 ** 32) * limit)
  }
  const types = Object.values(request).filter((type) => type !== request.version)
  const names = ['0', 'd', 'f', 'out', 'secret', '..', '.', '', 'a', '../secret', 'x'.repeat(300)]
  const field = (): Field => {
    const kind = random(8)
    if (kind < 3) return ['u32', random(6)]
    if (kind === 3) return ['u32', random(2 ** 32)]
    if (kind === 4) return ['u16', random(4)]
    if (kind === 5) return ['u64', random(5)]
    return ['name', names[random(names.length)] ?? '']
  }
  for (let round = 0; round < 20_000; round++) {
    const type = types[random(types.length)] ?? 0
    const bytes = frame(type, [['u32', random(6)], ...Array.from({ length: random(7) }, field)])
    const cut = random(10) === 0 ? bytes.subarray(0, random(bytes.length)) : bytes
    const reply = await server.handle(cut)
    expect(reply.length).toBeGreaterThanOrEqual(7)
  }
  expect(faults).toEqual([])
  expect(readdirSync(outside).sort()).toEqual(['secret', 'share'])
  expect(readFileSync(join(outside, 'secret'), 'utf8')).toBe('secret')
})

test('a user who is not root has files of his own alone, which root in a container may have', () => {
  const own = { uid: 1000, gid: 1000 }
  const changed: number[][] = []
  const attempt = (change: { readonly uid?: number; readonly gid?: number }): void =>
    changeOwner(own, change, (uid, gid) => changed.push([uid, gid]))
  const user = vi.spyOn(process, 'getuid').mockReturnValue(1000)
  try {
    attempt({ uid: 0, gid: 0 })
    attempt({ uid: 1000 })
    expect(() => attempt({ uid: 33 })).toThrow(expect.objectContaining({ code: 'EPERM' }) as Error)
    expect(changed).toEqual([])
    user.mockReturnValue(0)
    attempt({ uid: 33 })
    expect(changed).toEqual([[33, 1000]])
  } finally {
    user.mockRestore()
  }
})

test('where a path of the machine is, and what is not shared', () => {
  mkdirSync(`${share}-not`)
  const directories = new SharedDirectories([share])
  const locate = (path: string, create = false): string => directories.locate(path, { create })
  expect(locate(share)).toBe('/run/shares/0')
  expect(locate(`${share}/d/../d//f`)).toBe('/run/shares/0/d/f')
  expect(() => locate(`${share}/new/er`)).toThrow(EngineError)
  expect(locate(`${share}/new/er`, true)).toBe('/run/shares/0/new/er')
  expect(statSync(join(share, 'new/er')).isDirectory()).toBe(true)
  for (const path of [
    '/',
    outside,
    `${share}/..`,
    `${share}/out`,
    `${share}/out/new`,
    `${share}-not`,
  ])
    expect(() => locate(path, true), path).toThrow(`Mounts denied: the path ${path} is not shared`)
  expect(readdirSync(outside).sort()).toEqual(['secret', 'share', 'share-not'])
  expect(() => new SharedDirectories([join(outside, 'absent')])).toThrow(
    'there is no such directory',
  )
  expect(() => new SharedDirectories([join(outside, 'secret')])).toThrow('it is no directory')
})
