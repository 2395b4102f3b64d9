import { execFileSync } from 'node:child_process'
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { DockerCli } from '../support/docker-cli.ts'
import { startServer, type HeadlessServer } from '../support/headless-server.ts'

let server: HeadlessServer
let docker: DockerCli
let folder: string
const at = (...parts: string[]): string => join(folder, ...parts)

beforeAll(async () => {
  server = await startServer()
  docker = new DockerCli(server.address)
  await docker.output('pull', '-q', 'busybox')
  const script =
    'echo new > /etc/new; echo more >> /etc/passwd; rm /bin/vi; mkdir -p /a/b; echo 1 > /a/b/f; ln -s b/f /a/l'
  await docker.output('run', '--name', 'stopped', 'busybox', 'sh', '-c', script)
  await docker.output(
    'run',
    '-d',
    '--name',
    'running',
    'busybox',
    'sh',
    '-c',
    `${script}; exec sleep 1000`,
  )
}, 180_000)

afterAll(async () => {
  docker?.[Symbol.dispose]()
  await server?.[Symbol.asyncDispose]()
})

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'drydock-files-'))
  return () => rmSync(folder, { recursive: true, force: true })
})

/** What a command says when it fails. */
async function refused(...args: string[]): Promise<string> {
  const { code, stderr } = await docker.run(args)
  expect(code).not.toBe(0)
  return stderr.trim()
}

const names = (tar: string): string[] =>
  execFileSync('tar', ['tf', tar], { encoding: 'utf8' }).trim().split('\n')

describe.each(['stopped', 'running'])('a %s container', (name) => {
  test('diff', async () => {
    const lines = (await docker.output('diff', name)).trim().split('\n')
    expect(lines.sort()).toEqual([
      'A /a',
      'A /a/b',
      'A /a/b/f',
      'A /a/l',
      'A /etc/new',
      'C /bin',
      'C /etc',
      'C /etc/passwd',
      'D /bin/vi',
    ])
  })

  test('cp of a file, of a directory and of links out of it', async () => {
    await docker.output('cp', '-q', `${name}:/etc/new`, at('file'))
    expect(readFileSync(at('file'), 'utf8')).toBe('new\n')
    await docker.output('cp', '-q', `${name}:/a`, folder)
    expect(readFileSync(at('a', 'b', 'f'), 'utf8')).toBe('1\n')
    expect(readlinkSync(at('a', 'l'))).toBe('b/f')
    await docker.output('cp', '-q', '-L', `${name}:/a/l`, at('followed'))
    expect(readFileSync(at('followed'), 'utf8')).toBe('1\n')
    mkdirSync(at('there'))
    await docker.output('cp', '-q', `${name}:/a/.`, at('there'))
    expect(readFileSync(at('there', 'b', 'f'), 'utf8')).toBe('1\n')
    await docker.output('cp', '-q', `${name}:/etc/hostname`, at('hostname'))
    expect(readFileSync(at('hostname'), 'utf8')).toMatch(/^[0-9a-f]{12}\n$/)
  })

  test('cp into it, and back through a pipe', async () => {
    mkdirSync(at('d', 'sub'), { recursive: true })
    writeFileSync(at('d', 'f'), 'hello\n', { mode: 0o755 })
    writeFileSync(at('d', 'sub', 'g'), 'g\n')
    symlinkSync('../nowhere', at('d', 'link'))
    await docker.output('cp', '-q', at('d'), `${name}:/tmp`)
    await docker.output('cp', '-q', at('d'), `${name}:/tmp/renamed`)
    await docker.output('cp', '-q', at('d', 'f'), `${name}:/tmp/d/f2`)
    const tar = execFileSync('sh', ['-c', `cat > '${at('out.tar')}'`], {
      input: Buffer.from(await bytes('cp', `${name}:/tmp/d`, '-')),
    })
    expect(tar.length).toBe(0)
    expect(names(at('out.tar'))).toEqual(['d/', 'd/f', 'd/f2', 'd/link', 'd/sub/', 'd/sub/g'])
    await docker.output('cp', '-q', `${name}:/tmp/renamed`, at('back'))
    expect(readFileSync(at('back', 'sub', 'g'), 'utf8')).toBe('g\n')
    expect(lstatSync(at('back', 'f')).mode & 0o777).toBe(0o755)
    const into = docker.spawn('cp', '-', `${name}:/tmp/sub`)
    into.stdin.on('error', () => undefined)
    into.stdin.end(readFileSync(at('out.tar')))
    const code = await new Promise((resolve) => {
      into.once('close', resolve)
    })
    // There is no such directory.
    expect(code).toBe(1)
  })

  test('export', async () => {
    await docker.output('export', '-o', at('all.tar'), name)
    const list = names(at('all.tar'))
    expect(list).toContain('bin/busybox')
    expect(list).toContain('a/b/f')
    expect(list).toContain('etc/hosts')
    expect(list).not.toContain('bin/vi')
    expect(list.filter((path) => path.startsWith('proc/'))).toEqual(['proc/'])
  })

  test('commit, then run the image', async () => {
    const id = await docker.output(
      'commit',
      '--author=me',
      '--message=a message',
      '--change=ENV X=1 Y=$X',
      '--change=CMD ["cat","/etc/new"]',
      '--change=EXPOSE 80',
      '--change=WORKDIR /a',
      name,
      `committed:${name}`,
    )
    expect(id).toMatch(/^sha256:[0-9a-f]{64}\n$/)
    expect(await docker.output('run', '--rm', `committed:${name}`)).toBe('new\n')
    expect(
      await docker.output(
        'run',
        '--rm',
        `committed:${name}`,
        'sh',
        '-c',
        'pwd; echo $X; cat l; ls /bin/vi 2>&1; true',
      ),
    ).toBe('/a\n1\n1\nls: /bin/vi: No such file or directory\n')
    expect(
      await docker.output(
        'image',
        'inspect',
        '-f',
        '{{.Author}} {{.Comment}} {{json .Config.ExposedPorts}}',
        `committed:${name}`,
      ),
    ).toBe('me a message {"80/tcp":{}}\n')
    expect(
      await docker.output(
        'history',
        '--no-trunc',
        '--format',
        '{{.CreatedBy}}|{{.Comment}}',
        `committed:${name}`,
      ),
    ).toMatch(/^sh -c echo new.*\|a message\n/)
    expect(await docker.output('diff', name)).toContain('A /etc/new')
    await docker.output('rmi', `committed:${name}`)
  })

  test('what is not there', async () => {
    expect(await refused('cp', `${name}:/nope`, folder)).toBe(
      `Error response from daemon: Could not find the file /nope in container ${name}`,
    )
    expect(await refused('cp', `${name}:/etc/passwd/x`, folder)).toContain(
      'lstat /etc/passwd/x: not a directory',
    )
    expect(await refused('cp', 'nosuch:/x', folder)).toContain('No such container: nosuch')
    writeFileSync(at('f'), '1')
    expect(await refused('cp', at('f'), `${name}:/nope/`)).toContain('no such directory')
    expect(await refused('cp', at('f'), `${name}:/nope/x`)).toContain(
      'Could not find the file /nope',
    )
    mkdirSync(at('passwd'))
    expect(await refused('cp', folder, `${name}:/etc/passwd`)).toContain('cannot copy directory')
    expect(await refused('commit', '-c', 'RUN true', name)).toContain(
      'RUN is not a valid change command',
    )
    expect(await refused('commit', name, 'UPPER')).toContain('must be lowercase')
  })
})

async function bytes(...args: string[]): Promise<Uint8Array> {
  const child = docker.spawn(...args)
  const parts: Buffer[] = []
  child.stdout.on('data', (part: Buffer) => parts.push(part))
  await new Promise((resolve) => {
    child.once('close', resolve)
  })
  return Buffer.concat(parts)
}

test('a container that never ran: files go in, and it finds them', async () => {
  writeFileSync(at('script'), '#!/bin/sh\necho from the script\n', { mode: 0o755 })
  await docker.output('create', '--name', 'created', '--user', '33:44', 'busybox', '/script')
  await docker.output('cp', '-q', '-a', at('script'), 'created:/script')
  const listing = execFileSync('tar', ['tvf', '-', '--numeric-owner'], {
    input: Buffer.from(await bytes('cp', 'created:/script', '-')),
    encoding: 'utf8',
  })
  expect(listing).toMatch(/^-rwxr-xr-x 33\/44 /)
  expect(await docker.output('start', '-a', 'created')).toBe('from the script\n')
  expect(await docker.output('diff', 'created')).toBe('A /script\n')
  await docker.output('rm', 'created')
})

test('a read-only container', async () => {
  await docker.output('run', '-d', '--name', 'ro', '--read-only', 'busybox', 'sleep', '1000')
  writeFileSync(at('f'), '1')
  expect(await refused('cp', at('f'), 'ro:/tmp')).toContain('container rootfs is marked read-only')
  await docker.output('cp', '-q', 'ro:/etc/passwd', at('passwd'))
  await docker.output('rm', '-f', 'ro')
})

test('links do not lead out', async () => {
  const script =
    'ln -s /../../../../etc/passwd /out; ln -s ../../../../tmp /dir; ln -s /nope/x /broken'
  await docker.output('run', '--name', 'links', 'busybox', 'sh', '-c', script)
  await docker.output('cp', '-q', '-L', 'links:/out', at('passwd'))
  expect(readFileSync(at('passwd'), 'utf8')).toMatch(/^root:x:0:0:root:\/root/)
  expect(readFileSync(at('passwd'), 'utf8').split('\n').length).toBeLessThan(12)
  writeFileSync(at('f'), '1')
  await docker.output('cp', '-q', at('f'), 'links:/dir')
  await docker.output('cp', '-q', 'links:/tmp/f', at('back'))
  expect(await refused('cp', '-L', 'links:/broken', folder)).toContain('/nope/x')
  await docker.output('rm', 'links')
})

test('a broken archive', async () => {
  const { code, stderr } = await docker.run(
    ['cp', '-', 'stopped:/tmp'],
    'this is no archive at all'.repeat(100),
  )
  expect([code, stderr.trim()]).toEqual([
    1,
    'Error response from daemon: archive/tar: invalid tar header',
  ])
})
