import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { DockerCli } from '../support/docker-cli.ts'
import { startServer, type HeadlessServer } from '../support/headless-server.ts'

/** What is expected here was said by dockerd 28.5. */
let server: HeadlessServer
let docker: DockerCli

beforeAll(async () => {
  server = await startServer()
  docker = new DockerCli(server.address)
  await docker.output('pull', '-q', 'busybox')
}, 180_000)

afterAll(async () => {
  docker?.[Symbol.dispose]()
  await server?.[Symbol.asyncDispose]()
})

const busybox = (script: string, ...options: string[]): Promise<string> =>
  docker.output('run', '--rm', ...options, 'busybox', 'sh', '-c', script)

/** What the daemon says of a run that it refuses. */
async function refusal(...options: string[]): Promise<string> {
  const { code, stderr } = await docker.run(['run', '--rm', ...options, 'busybox', 'ls', '/y'])
  expect(code).not.toBe(0)
  return stderr.replace(/^docker: Error response from daemon: /, '').replace(/\n[^]*$/, '')
}

describe("volumes that are more than the disk's directories", () => {
  test('a tmpfs is shared by those who run, and gone with the last', async () => {
    const options = ['type=tmpfs', 'device=tmpfs', 'o=size=1m,mode=1777']
    await docker.output('volume', 'create', ...options.flatMap((one) => ['--opt', one]), 'vt')
    expect(JSON.parse(await docker.output('volume', 'inspect', 'vt'))).toMatchObject([
      { Options: { device: 'tmpfs', o: 'size=1m,mode=1777', type: 'tmpfs' } },
    ])
    await docker.output('run', '-d', '--name', 'first', '-v', 'vt:/x', 'busybox', 'sleep', '1000')
    await docker.output('exec', 'first', 'sh', '-c', 'echo hi > /x/f')
    expect(
      await busybox('grep " /x " /proc/mounts; stat -c %a /x; cat /x/f', '-v', 'vt:/x'),
    ).toMatch(/^tmpfs \/x tmpfs rw,.*size=1024k.*\n1777\nhi\n$/)
    await docker.output('rm', '-f', 'first')
    expect(await busybox('ls /x', '-v', 'vt:/x')).toBe('')
    await docker.output('volume', 'rm', 'vt')
  })

  test.each([
    [['size=10m'], 'create v1: quota size requested but no quota support'],
    [['bogus=1'], 'create v1: invalid option: "bogus"'],
    [['type=tmpfs'], 'create v1: missing required option: "device"'],
    [['device=tmpfs'], 'create v1: missing required option: "type"'],
  ])('%j is refused: %s', async (options, sentence) => {
    const args = options.flatMap((one) => ['--opt', one])
    const { code, stderr } = await docker.run(['volume', 'create', ...args, 'v1'])
    expect([code, stderr]).toEqual([1, `Error response from daemon: ${sentence}\n`])
  })

  test('what is on no such device is an error of the start', async () => {
    const options = ['type=nfs', 'o=addr=1.2.3.4', 'device=:/x'].flatMap((one) => ['--opt', one])
    await docker.output('volume', 'create', ...options, 'vnfs')
    expect(await refusal('-v', 'vnfs:/y')).toBe(
      "error while mounting volume '/var/lib/docker/volumes/vnfs/_data': failed to mount local volume: mount :/x:/var/lib/docker/volumes/vnfs/_data, data: addr=1.2.3.4: no such device",
    )
  })
})

describe('a part of a volume', () => {
  beforeAll(() =>
    busybox(
      'mkdir -p /x/a/b; echo f > /x/a/f; ln -s /etc /x/out; ln -s ../../.. /x/up; ln -s a /x/in',
      '-v',
      'sub:/x',
    ),
  )
  const mount = (path: string): string[] => [
    '--mount',
    `type=volume,src=sub,dst=/y,volume-subpath=${path}`,
  ]
  const base = '/var/lib/docker/volumes/sub/_data'

  test('a directory, a file, a link that stays in it', async () => {
    expect(await busybox('ls /y', ...mount('a'))).toBe('b\nf\n')
    expect(await busybox('cat /y', ...mount('a/f'))).toBe('f\n')
    expect(await busybox('ls /y', ...mount('in'))).toBe('b\nf\n')
  })

  test.each([
    ['out', `path concatenation escapes the base directory, base: ${base}, subpath: out`],
    ['up', `path concatenation escapes the base directory, base: ${base}, subpath: up`],
    [
      'nosuch',
      `cannot access path ${base}/nosuch: lstat ${base}/nosuch: no such file or directory`,
    ],
    [
      '../../..',
      'invalid mount config for type "volume": subpath must be a relative path within the volume',
    ],
    [
      '/a',
      'invalid mount config for type "volume": subpath must be a relative path within the volume',
    ],
  ])('%s is refused', async (path, sentence) => {
    expect(await refusal(...mount(path))).toBe(sentence)
  })

  test('cp follows no link out of a volume', async () => {
    await docker.output('create', '--name', 'cp', '-v', 'sub:/x', 'busybox', 'true')
    // `/etc` is the container's own, not the guest's.
    expect(await docker.output('cp', 'cp:/x/out/passwd', '-')).toBe(
      await docker.output('cp', 'cp:/etc/passwd', '-'),
    )
    await docker.output('rm', 'cp')
  })
})

describe('what --volumes-from, tmpfs and propagation come to', () => {
  test('volumes-from', async () => {
    await docker.output('create', '--name', 'vf', '-v', 'sub:/x', '-v', '/anon', 'busybox')
    expect(await busybox('touch /x/a /anon/a 2>&1 | sort; true', '--volumes-from', 'vf:ro')).toBe(
      'touch: /anon/a: Read-only file system\ntouch: /x/a: Read-only file system\n',
    )
    expect(await refusal('--volumes-from', 'nosuch')).toBe('No such container: nosuch')
    expect(await refusal('--volumes-from', 'vf:bogus')).toBe('invalid mode: bogus')
    expect(await refusal('--volumes-from', 'a:b:c')).toBe('invalid mode: b:c')
    await docker.output('rm', '-v', 'vf')
  })

  test('tmpfs', async () => {
    expect(
      await busybox(
        'grep " /x " /proc/mounts; stat -c "%a %u" /x',
        '--tmpfs',
        '/x:size=1m,mode=700,uid=5',
      ),
    ).toMatch(
      /^tmpfs \/x tmpfs rw,nosuid,nodev,noexec,relatime,size=1024k,mode=700,uid=5.*\n700 5\n$/,
    )
    const mount = 'type=tmpfs,dst=/x,tmpfs-size=1m,tmpfs-mode=700'
    expect(await busybox('grep " /x " /proc/mounts', '--mount', mount)).toMatch(
      /rw,nosuid,nodev,noexec,relatime,size=1024k,mode=700/,
    )
    expect(
      await busybox('grep " /x " /proc/mounts', '--mount', 'type=tmpfs,dst=/x,readonly'),
    ).toMatch(/ ro,/)
  })

  test.each([
    [
      'sub:/x:ro,rshared',
      `invalid volume specification: 'sub:/x:ro,rshared': invalid mount config for type "volume": field BindOptions must not be specified`,
    ],
    [
      '/etc:/x:nocopy',
      `invalid volume specification: '/etc:/x:nocopy': invalid mount config for type "bind": field VolumeOptions must not be specified`,
    ],
    ['/etc:/x:rshared,rslave', 'invalid mode: rshared,rslave'],
    ['/etc:/x:cached,delegated', 'invalid mode: cached,delegated'],
    [
      '/etc:x',
      `invalid volume specification: '/etc:x': invalid mount config for type "bind": invalid mount path: 'x' mount path must be absolute`,
    ],
    [
      '/etc:/x/../..',
      `invalid volume specification: '/etc:/x/../..': invalid mount config for type "bind": invalid specification: destination can't be '/'`,
    ],
    ['a:b:c:d', "invalid volume specification: 'a:b:c:d'"],
    ['/x:/x:/x', 'invalid mode: /x'],
    [
      'a/b:/x',
      'create a/b: "a/b" includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path',
    ],
  ])('-v %s is refused', async (spec, sentence) => {
    expect(await refusal('-v', spec)).toBe(sentence)
  })
})

describe('devices', () => {
  test('of the guest, with what may be done to them', async () => {
    expect(await busybox('ls -l /dev/mynull', '--device', '/dev/null:/dev/mynull')).toMatch(
      /^crw-rw-rw- +1 root +root +1, +3 .* \/dev\/mynull\n$/,
    )
    const denied =
      'dd if=/dev/zero of=/dev/disk count=1 2>&1 | head -1; head -c 4 /dev/disk | wc -c'
    expect(await busybox(denied, '--device', '/dev/vda:/dev/disk:r')).toBe(
      "dd: can't open '/dev/disk': Operation not permitted\n4\n",
    )
    const rule = ['--device-cgroup-rule', 'b 254:0 r']
    const read = 'mknod /tmp/disk b 254 0; head -c 4 /tmp/disk | wc -c'
    expect(await busybox(read, ...rule)).toBe('4\n')
    const { stdout } = await docker.run(['run', '--rm', 'busybox', 'sh', '-c', read])
    expect(stdout).toBe('0\n')
  })

  test.each(['/dev/nosuch', '/etc/passwd'])('%s is none', async (path) => {
    expect(await refusal('--device', path)).toBe(
      `error gathering device information while adding custom device "${path}": no such file or directory`,
    )
  })
})

test('a healthcheck: its state, what ps shows, events', async () => {
  await docker.output(
    'run',
    '-d',
    '--name',
    'hc',
    '--health-cmd',
    'echo out; test -e /ok',
    '--health-interval',
    '200ms',
    '--health-retries',
    '2',
    'busybox',
    'sleep',
    '1000',
  )
  const status = (): Promise<string> =>
    docker.output('inspect', '-f', '{{.State.Health.Status}}', 'hc')
  await expect.poll(status, { timeout: 30_000 }).toBe('unhealthy\n')
  expect(await docker.output('ps', '--format', '{{.Status}}')).toMatch(/^Up .* \(unhealthy\)\n$/)
  expect(await docker.output('inspect', '-f', '{{(index .State.Health.Log 0).Output}}', 'hc')).toBe(
    'out\n\n',
  )
  await docker.output('exec', 'hc', 'touch', '/ok')
  await expect.poll(status, { timeout: 30_000 }).toBe('healthy\n')
  expect(await docker.output('ps', '-q', '--filter', 'health=healthy')).not.toBe('')
  await docker.output('rm', '-f', 'hc')
}, 90_000)

test('top: what the host knows of a process', async () => {
  await docker.output('run', '-d', '--name', 'top', 'busybox', 'sleep', '1000')
  const columns = async (...args: string[]): Promise<string[]> =>
    (await docker.output('top', 'top', ...args))
      .split('\n')
      .map((line) => line.replace(/ +/g, ' ').trim())
  const [titles, row] = await columns('aux')
  expect(titles).toBe('USER PID %CPU %MEM VSZ RSS TTY STAT START TIME COMMAND')
  expect(row).toMatch(
    /^root \d+ \d+\.\d 0\.\d [1-9]\d* [1-9]\d* \? S[Ns]* \d\d:\d\d \d:\d\d sleep 1000$/,
  )
  expect((await columns())[1]).toMatch(/^root \d+ \d+ \d \d\d:\d\d \? \d\d:\d\d:\d\d sleep 1000$/)
  expect((await columns('-o', 'pid,comm'))[1]).toMatch(/^\d+ sleep$/)
  const { stderr } = await docker.run(['top', 'top', '-o', 'cmd'])
  expect(stderr).toBe("Error response from daemon: Couldn't find PID field in ps output\n")
  await docker.output('rm', '-f', 'top')
})
