import { afterAll, beforeAll, expect, test } from 'vitest'
import { serveDocker } from '../../src/hosts/guest-cli/serve-docker.ts'
import { ShellFiles } from '../../src/hosts/shell-files.ts'
import { serveGuest } from '../../src/hosts/guest-services.ts'
import type { BytesSource, FileVersion } from '../../src/link/guest-files.ts'
import type { GuestMachine } from '../../src/machine/guest-machine.ts'
import { CatalogTransport } from '../../src/storage/catalog.ts'
import { openEngine, type TestEngine } from '../support/api-client.ts'
import { catalogFiles } from '../support/catalog-files.ts'
import { processSpec } from '../support/container-spec.ts'
import { BUSYBOX, finish, startMachine } from '../support/guest.ts'
import { ImageRegistry } from '../support/image-registry.ts'

// The editor's way to the shell's files: a helper in the guest, our own `docker` stub.

let machine: GuestMachine
let engine: TestEngine
let files: ShellFiles
const stop = new AbortController()

beforeAll(async () => {
  machine = await startMachine({ hostRoot: { tree: BUSYBOX } })
  engine = await openEngine({
    machine,
    registry: new CatalogTransport(catalogFiles.open, new ImageRegistry()),
  })
  files = new ShellFiles(machine.processes)
  void serveGuest(machine.guest, {
    handler: engine.handler,
    requestId: () => 'guest',
    docker: (connection) =>
      serveDocker(connection, engine.handler, (host, argv) => files.serve(host, argv)),
    log: () => undefined,
    signal: stop.signal,
  })
}, 120_000)

afterAll(async () => {
  await engine[Symbol.asyncDispose]()
  await machine[Symbol.asyncDispose]()
  stop.abort(new Error('the test is over'))
})

let count = 0
async function shell(script: string): Promise<string> {
  const { stdout, stderr } = await finish(
    await machine.processes.runOnHost({
      host: `shell-${++count}`,
      process: processSpec(['sh', '-c', script], { cwd: '/root' }),
    }),
  )
  return stdout + stderr
}

const source = (...pieces: readonly string[]): BytesSource => {
  const rest = pieces.map((piece) => new TextEncoder().encode(piece))
  return { next: async () => rest.shift() }
}

async function textOf(path: string): Promise<string> {
  const reader = await files.read(path)
  const decoder = new TextDecoder()
  let text = ''
  for (let bytes = await reader.next(); bytes; bytes = await reader.next()) {
    text += decoder.decode(bytes, { stream: true })
  }
  return text
}

const version = async (path: string): Promise<FileVersion> => {
  const { size, mtime } = await files.stat(path)
  return { size, mtime }
}

test('files are listed, read, written, moved and removed', async () => {
  await files.makeDirectory('/root/app')
  await files.write('/root/app/hello', source('hel', 'lo\n'), 'nothing')
  expect(await shell('cat app/hello; stat -c "%a %u" app/hello app')).toBe('hello\n644 0\n755 0\n')
  await shell('echo more >> app/hello; ln -s app/hello link; ln -s nowhere dead; ln -s app folder')
  expect(await textOf('/root/link')).toBe('hello\nmore\n')
  expect((await files.list('/root')).map(({ name, kind }) => [name, kind])).toEqual(
    expect.arrayContaining([
      ['app', 'directory'],
      ['link', 'file'],
      ['dead', 'dangling'],
      ['folder', 'directory'],
    ]),
  )
  await files.move('/root/app/hello', '/root/app/moved')
  await expect(files.move('/root/app/moved', '/root/link')).rejects.toMatchObject({
    code: 'conflict',
    message: '/root/link is there already.',
  })
  await files.remove('/root/app')
  expect(await shell('ls -a app')).toContain('No such file')
  await shell('rm -f link dead folder')
}, 60_000)

test('a save keeps mode, owner and other names, and follows links', async () => {
  await shell('mkdir s; echo old > s/run; chown 7:8 s/run; chmod 4751 s/run; ln -s run s/link')
  await files.write('/root/s/link', source('new\n'), await version('/root/s/link'))
  expect(await shell('cat s/run; stat -c "%a %u %g" s/run; readlink s/link; ls -A s')).toBe(
    'new\n4751 7 8\nrun\nlink\nrun\n',
  )
  await shell('echo one > s/a; ln s/a s/b')
  await files.write('/root/s/a', source('both\n'), await version('/root/s/a'))
  expect(await shell('cat s/b; stat -c %h s/a; ls -A s')).toBe('both\n2\na\nb\nlink\nrun\n')
}, 60_000)

test('what changed meanwhile is told, and stays', async () => {
  await shell('mkdir c; echo mine > c/f')
  const seen = await version('/root/c/f')
  await shell('echo theirs, longer > c/f')
  await expect(files.write('/root/c/f', source('x'), seen)).rejects.toMatchObject({
    code: 'conflict',
    message: '/root/c/f has changed on the disk meanwhile.',
  })
  expect(await shell('cat c/f')).toBe('theirs, longer\n')
  const now = await files.write('/root/c/f', source('over'), 'anything')
  expect(now).toEqual(await version('/root/c/f'))
  await shell('rm c/f')
  await expect(files.write('/root/c/f', source('x'), now)).rejects.toMatchObject({
    message: '/root/c/f was removed meanwhile.',
  })
  await shell('rm -r c')
  await expect(files.write('/root/c/f', source('x'), 'anything')).rejects.toMatchObject({
    code: 'not-found',
  })
  await expect(files.list('/root/c')).rejects.toMatchObject({
    code: 'not-found',
    message: '/root/c is not there any more.',
  })
}, 60_000)

test('names are bytes', async () => {
  const names = ['new\nline', `quo"te's`, ' -rf *', '日本', '\udcff\udc80x']
  await files.makeDirectory('/root/odd')
  for (const name of names) await files.write(`/root/odd/${name}`, source(name), 'nothing')
  expect((await files.list('/root/odd')).map(({ name }) => name).sort()).toEqual([...names].sort())
  expect(await shell(`cat "$(printf 'odd/\\377\\200x')" | wc -c`)).not.toContain('No such file')
  for (const name of names) await files.move(`/root/odd/${name}`, `/root/odd/${name}2`)
  await files.remove('/root/odd')
  expect(await shell('ls odd')).toContain('No such file')
  await expect(
    files.write(`/root/${'n'.repeat(256)}`, source('x'), 'nothing'),
  ).rejects.toMatchObject({ code: 'invalid-parameter' })
}, 60_000)

test('a full disk loses nothing, and says what to do', async () => {
  await shell('mkdir full; echo precious > full/f; ln full/f full/g; echo p > full/h')
  await shell('cat /dev/zero > filler')
  for (const name of ['f', 'h']) {
    await expect(
      files.write(
        `/root/full/${name}`,
        source('x'.repeat(1_000_000)),
        await version(`/root/full/${name}`),
      ),
    ).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining('The disk is full'),
    })
  }
  expect(await shell('cat full/f full/h; ls -A full')).toBe('precious\np\nf\ng\nh\n')
  await shell('rm filler')
  await files.write('/root/full/h', source('room again\n'), 'anything')
  expect(await shell('cat full/h')).toBe('room again\n')
}, 120_000)

test('what the kernel refuses is told', async () => {
  await expect(files.makeDirectory('/sys/kernel/mine')).rejects.toMatchObject({
    code: 'forbidden',
    message: expect.stringContaining('/sys/kernel/mine: the machine refuses it'),
  })
}, 60_000)

test('a helper that is killed is followed by another; a stranger is no helper', async () => {
  await files.list('/root')
  await shell('killall docker; pkill -f __files')
  await expect
    .poll(() =>
      files.list('/root').then(
        () => 'listed',
        () => 'gone',
      ),
    )
    .toBe('listed')
  expect(await shell('docker __files guess 2>&1; echo $?')).toMatch(/unknown command[^]*1\n$/)
}, 60_000)
