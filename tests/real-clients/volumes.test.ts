import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { DockerCli } from '../support/docker-cli.ts'
import { startServer, type HeadlessServer } from '../support/headless-server.ts'

const data = mkdtempSync(join(tmpdir(), 'drydock-volumes-'))
let server: HeadlessServer
let docker: DockerCli

const start = async (): Promise<void> => {
  server = await startServer(data)
  docker = new DockerCli(server.address)
}

beforeAll(async () => {
  await start()
  await docker.output('pull', '-q', 'busybox')
}, 180_000)

afterAll(async () => {
  docker?.[Symbol.dispose]()
  await server?.[Symbol.asyncDispose]()
  rmSync(data, { recursive: true, force: true })
})

const busybox = (script: string, ...options: string[]): Promise<string> =>
  docker.output('run', '--rm', ...options, 'busybox', 'sh', '-c', script)

describe('volumes', () => {
  test('create, ls, inspect, rm', async () => {
    expect(await docker.output('volume', 'create', '--label', 'a=b', 'data')).toBe('data\n')
    expect(await docker.output('volume', 'create', 'data')).toBe('data\n')
    expect(await docker.output('volume', 'ls')).toMatch(/DRIVER +VOLUME NAME\nlocal +data\n/)
    expect(await docker.output('volume', 'ls', '-q', '--filter', 'label=a=c')).toBe('')
    expect(JSON.parse(await docker.output('volume', 'inspect', 'data'))).toMatchObject([
      {
        Driver: 'local',
        Labels: { a: 'b' },
        Mountpoint: '/var/lib/docker/volumes/data/_data',
        Name: 'data',
        Options: null,
        Scope: 'local',
      },
    ])
    expect(await docker.output('volume', 'rm', 'data')).toBe('data\n')
    const absent = await docker.run(['volume', 'inspect', 'data'])
    expect([absent.code, absent.stdout]).toEqual([1, '[]\n'])
    expect(absent.stderr).toContain('get data: no such volume')
  })

  test('is shared, read-only where asked for, and not removed while it is used', async () => {
    await busybox('echo one > /x/file', '-v', 'shared:/x')
    expect(await busybox('cat /y/file', '--mount', 'type=volume,source=shared,target=/y')).toBe(
      'one\n',
    )
    const refused = await docker.run([
      'run',
      '--rm',
      '-v',
      'shared:/x:ro',
      'busybox',
      'touch',
      '/x/file',
    ])
    expect(refused.stderr).toContain('Read-only file system')
    await docker.output('create', '--name', 'user', '-v', 'shared:/x', 'busybox', 'true')
    const used = await docker.run(['volume', 'rm', 'shared'])
    expect(used.stderr).toMatch(/remove shared: volume is in use - \[[0-9a-f]{64}\]/)
    expect(await docker.output('ps', '-aq', '--filter', 'volume=shared')).not.toBe('')
    expect(await docker.output('inspect', '-f', '{{json (index .Mounts 0)}}', 'user')).toBe(
      '{"Type":"volume","Name":"shared","Source":"/var/lib/docker/volumes/shared/_data","Destination":"/x","Driver":"local","Mode":"z","RW":true,"Propagation":""}\n',
    )
    await docker.output('rm', 'user')
    await docker.output('volume', 'rm', 'shared')
  })

  test('is filled from the image once, unless that is not wanted', async () => {
    expect(await busybox('ls /etc | grep passwd; rm /etc/passwd', '-v', 'etc:/etc')).toBe(
      'passwd\n',
    )
    expect(await busybox('ls /x | grep -c passwd || true', '-v', 'etc:/x')).toBe('0\n')
    expect(await busybox('ls /etc | grep -c passwd || true', '-v', 'bare:/etc:nocopy')).toBe('0\n')
    await docker.output('volume', 'rm', 'etc', 'bare')
  })

  test('without a name goes with its container, if asked', async () => {
    await docker.output('run', '--name', 'anonymous', '-v', '/data', 'busybox', 'touch', '/data/x')
    const [name = ''] = (await docker.output('volume', 'ls', '-q')).split('\n')
    expect(name).toMatch(/^[0-9a-f]{64}$/)
    await docker.output('rm', 'anonymous')
    expect(await docker.output('volume', 'ls', '-q')).toBe(`${name}\n`)
    expect(await docker.output('volume', 'prune', '-f')).toContain(`Deleted Volumes:\n${name}\n`)
    await busybox('true', '-v', '/data')
    await docker.output('run', '--name', 'anonymous', '-v', '/data', 'busybox', 'true')
    await docker.output('rm', '-v', 'anonymous')
    expect(await docker.output('volume', 'ls', '-q')).toBe('')
  })

  test.each([
    [['-v', 'a b:/x'], 'includes invalid characters for a local volume name'],
    [['-v', 'v:/x:bogus'], 'invalid mode: bogus'],
    [['-v', 'v:/x:ro:z'], 'invalid'],
    [['-v', 'v1:/x', '-v', 'v2:/x'], 'Duplicate mount point: /x'],
    [['--mount', 'type=bind,source=/nosuch,target=/x'], '/nosuch'],
    [
      ['--mount', 'type=volume,source=v,target=/x,volume-driver=nosuch'],
      'plugin "nosuch" not found',
    ],
  ])('%j is refused: %s', async (options, reason) => {
    const { code, stderr } = await docker.run(['create', ...options, 'busybox'])
    expect(code).toBe(1)
    expect(stderr).toContain(reason)
  })
})

describe('what is kept', () => {
  test('a layer over stop and start; layers, volumes and home over kill -9 of the engine', async () => {
    await docker.output(
      'run',
      '-d',
      '--name',
      'keeper',
      '-v',
      'kept:/data',
      'busybox',
      'sh',
      '-c',
      '[ -e /first ] || { echo 1 > /first; echo 2 > /data/second; sync; }; echo ready; sleep 1000',
    )
    const ready = async (times: number): Promise<void> => {
      for (;;) {
        const lines = (await docker.output('logs', 'keeper')).split('ready').length - 1
        if (lines >= times) return
      }
    }
    await ready(1)
    await docker.output('stop', '-t', '0', 'keeper')
    await docker.output('start', 'keeper')
    await ready(2)
    expect(await docker.output('exec', 'keeper', 'cat', '/first', '/data/second')).toBe('1\n2\n')
    await server.kill()
    docker[Symbol.dispose]()
    await start()
    expect(await docker.output('inspect', '-f', '{{.State.ExitCode}}', 'keeper')).toBe('255\n')
    await docker.output('start', 'keeper')
    expect(await docker.output('exec', 'keeper', 'cat', '/first', '/data/second')).toBe('1\n2\n')
    expect(await docker.output('diff', 'keeper')).toBe('A /data\nA /first\n')
    await docker.output('rm', '-f', 'keeper')
    await docker.output('volume', 'rm', 'kept')
  }, 120_000)
})
