import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { DockerCli, finished, Transcript } from '../support/docker-cli.ts'
import { startServer, type HeadlessServer } from '../support/headless-server.ts'

let server: HeadlessServer
let docker: DockerCli

beforeAll(async () => {
  server = await startServer()
  docker = new DockerCli(server.address)
}, 180_000)

afterAll(async () => {
  docker?.[Symbol.dispose]()
  await server?.[Symbol.asyncDispose]()
})

const remove = (...names: string[]): Promise<unknown> => docker.run(['rm', '-f', ...names])

describe('images', () => {
  test('version and info speak of both sides', async () => {
    expect(await docker.output('version')).toMatch(/Client:[^]*Server:[^]*Engine:/)
    const info = await docker.output('info')
    expect(info).toContain('Server Version:')
    expect(info).toMatch(/Architecture: i[36]86/)
  })

  test('pull, images, inspect, history, rmi', async () => {
    const pulled = await docker.output('pull', 'hello-world')
    expect(pulled).toContain('Pulling from library/hello-world')
    expect(pulled).toContain('Status: Downloaded newer image for hello-world:latest')
    expect(await docker.output('pull', 'hello-world')).toContain('Image is up to date')
    expect(await docker.output('images')).toMatch(/hello-world\s+latest\s+[0-9a-f]{12}/)
    expect(await docker.output('image', 'inspect', '-f', '{{.Architecture}}', 'hello-world')).toBe(
      '386\n',
    )
    expect(await docker.output('history', 'hello-world')).toContain('IMAGE')
    expect(await docker.output('rmi', 'hello-world')).toMatch(
      /Untagged: hello-world:latest[^]*Deleted: sha256:/,
    )
  })

  test('an image that is neither in the catalog nor to be had', async () => {
    const { code, stderr } = await docker.run(['pull', 'nosuch'])
    expect(code).toBe(1)
    expect(stderr).toContain('The catalog has busybox, debian, hello-world')
  })
})

describe('run', () => {
  test('pulls what is missing, prints, passes on the exit code', async () => {
    const { code, stdout, stderr } = await docker.run(['run', '--rm', 'busybox', 'echo', 'hi'])
    expect([code, stdout]).toEqual([0, 'hi\n'])
    expect(stderr).toContain("Unable to find image 'busybox:latest' locally")
    expect((await docker.run(['run', '--rm', 'busybox', 'sh', '-c', 'exit 7'])).code).toBe(7)
    expect(
      (await docker.run(['run', '--rm', 'busybox', 'sh', '-c', 'sh -c "kill -9 \\$\\$"; exit $?']))
        .code,
    ).toBe(137)
    expect(await docker.output('ps', '-aq')).toBe('')
  })

  test('hello-world says so', async () => {
    expect(await docker.output('run', '--rm', 'hello-world')).toContain('Hello from')
  })

  test('an image that was removed and pulled again is read anew', async () => {
    // The guest remembers the tree, but has none of its bytes.
    expect((await docker.run(['run', '--rm', 'hello-world', '/nosuch'])).code).toBe(127)
    await docker.output('rmi', 'hello-world')
    expect(await docker.output('run', '--rm', 'hello-world')).toContain('Hello from')
  })

  test.each([
    [127, ['busybox', 'nosuch'], 'exec: "nosuch": executable file not found in $PATH'],
    [126, ['busybox', '/etc/passwd'], 'permission denied'],
    [125, ['--memory', '1m', 'busybox', 'true'], 'Minimum memory limit allowed is 6MB'],
    [125, ['nosuch:1'], 'The catalog has busybox'],
  ])('exit code %i', async (expected, args, message) => {
    const { code, stderr } = await docker.run(['run', '--rm', ...args])
    expect(stderr).toContain(message)
    expect(code).toBe(expected)
  })

  test('stdin, both outputs, environment, directory, user, host name, entrypoint, labels', async () => {
    expect((await docker.run(['run', '--rm', '-i', 'busybox', 'cat'], 'through\n')).stdout).toBe(
      'through\n',
    )
    const both = await docker.run(['run', '--rm', 'busybox', 'sh', '-c', 'echo out; echo err >&2'])
    expect([both.stdout, both.stderr]).toEqual(['out\n', 'err\n'])
    const script = 'echo $A; pwd; id -u; hostname'
    expect(
      await docker.output(
        'run',
        '--rm',
        '-e',
        'A=b',
        '-w',
        '/tmp/x',
        '-u',
        '1000',
        '--hostname',
        'box',
        '-l',
        'k=v',
        '--entrypoint',
        'sh',
        'busybox',
        '-c',
        script,
      ),
    ).toBe('b\n/tmp/x\n1000\nbox\n')
  })

  test('a megabyte each way arrives whole', async () => {
    const text = 'x'.repeat(1_000_000)
    const { stdout } = await docker.run(['run', '--rm', '-i', 'busybox', 'md5sum'], text)
    expect(stdout).toMatch(/^[0-9a-f]{32} {2}-\n$/)
    const all = await docker.output(
      'run',
      '--rm',
      'busybox',
      'sh',
      '-c',
      'head -c 1000000 /dev/zero',
    )
    expect(all.length).toBe(1_000_000)
  })

  test('a terminal: prompt, size, exit', async () => {
    const child = docker.spawnOnTerminal('run', '--rm', '-it', 'busybox', 'sh')
    const screen = new Transcript(child)
    await screen.until(/\/ # /)
    child.stdin.write('stty size; tty\n')
    await screen.until(/24 80\r\n\/dev\/pts\/0/)
    child.stdin.write('exit 3\n')
    expect((await finished(child)).code).toBe(3)
  })

  test('limits hold', async () => {
    const read = async (...args: string[]): Promise<string> => docker.output('run', '--rm', ...args)
    expect(await read('--memory', '32m', 'busybox', 'cat', '/sys/fs/cgroup/memory.max')).toBe(
      '33554432\n',
    )
    expect(await read('--cpus', '0.25', 'busybox', 'cat', '/sys/fs/cgroup/cpu.max')).toBe(
      '25000 100000\n',
    )
    expect(await read('--pids-limit', '20', 'busybox', 'cat', '/sys/fs/cgroup/pids.max')).toBe(
      '20\n',
    )
  })

  test('out of memory is 137 and told', async () => {
    const eat = 'x=$(head -c 5000000 /dev/zero | tr "\\0" x); y=$x$x$x$x$x$x; z=$y$y$y; echo ${#z}'
    const { code } = await docker.run([
      'run',
      '--name',
      'eater',
      '--memory',
      '16m',
      'busybox',
      'sh',
      '-c',
      eat,
    ])
    expect(code).toBe(137)
    expect(
      await docker.output('inspect', '-f', '{{.State.OOMKilled}} {{.State.ExitCode}}', 'eater'),
    ).toBe('true 137\n')
    await remove('eater')
  })

  test('a busy loop at a quarter of a CPU gets a quarter', async () => {
    const script = 'timeout 4 sh -c "while :; do :; done"; grep usage_usec /sys/fs/cgroup/cpu.stat'
    const share = async (): Promise<number> => {
      const args = ['run', '--rm', '--cpus', '0.25', 'busybox', 'sh', '-c', script]
      return Number(/usage_usec (\d+)/.exec(await docker.output(...args))?.[1]) / 4e6
    }
    // Time that other programs take of this machine counts as used in the guest: best of three.
    const shares = [await share()]
    while (shares.length < 3 && Math.abs((shares.at(-1) ?? 0) - 0.25) > 0.05) {
      shares.push(await share())
    }
    const best = Math.min(...shares.map((used) => Math.abs(used - 0.25)))
    expect(best, shares.join(', ')).toBeLessThanOrEqual(0.05)
  }, 60_000)

  test('a fork bomb stays inside', async () => {
    const bomb = 'f() { f | f & }; f; sleep 2; echo survived'
    const child = docker.run([
      'run',
      '--rm',
      '--pids-limit',
      '30',
      '--name',
      'bomb',
      'busybox',
      'sh',
      '-c',
      bomb,
    ])
    expect(await docker.output('run', '--rm', 'busybox', 'echo', 'fine')).toBe('fine\n')
    await docker.run(['kill', 'bomb'])
    await child
  }, 60_000)

  test('capabilities, privileges, file systems, init', async () => {
    const caps = (...args: string[]): Promise<string> =>
      docker.output('run', '--rm', ...args, 'busybox', 'grep', 'CapEff', '/proc/self/status')
    expect(await caps()).toBe('CapEff:\t00000000a80425fb\n')
    expect(await caps('--cap-drop', 'ALL')).toBe('CapEff:\t0000000000000000\n')
    expect(await caps('--cap-drop', 'ALL', '--cap-add', 'NET_ADMIN')).toBe(
      'CapEff:\t0000000000001000\n',
    )
    expect(await caps('--privileged')).toBe('CapEff:\t000001ffffffffff\n')
    const readOnly = await docker.run([
      'run',
      '--rm',
      '--read-only',
      '--tmpfs',
      '/t',
      'busybox',
      'sh',
      '-c',
      'touch /t/a && touch /b',
    ])
    expect(readOnly.stderr).toContain('/b: Read-only file system')
    expect(await docker.output('run', '--rm', '--init', 'busybox', 'cat', '/proc/1/comm')).toBe(
      'docker-init\n',
    )
  })

  test('network none and host', async () => {
    const links = (network: string): Promise<string> =>
      docker.output('run', '--rm', '--network', network, 'busybox', 'ls', '/sys/class/net')
    expect(await links('none')).toBe('lo\n')
    expect(await links('host')).toContain('lo')
  })
})

describe('life', () => {
  test('run -d, ps, logs, exec, inspect, stop, rm', async () => {
    const id = await docker.output(
      'run',
      '-d',
      '--name',
      'c1',
      'busybox',
      'sh',
      '-c',
      'echo one; echo two >&2; exec sleep 1000',
    )
    expect(id).toMatch(/^[0-9a-f]{64}\n$/)
    expect(await docker.output('ps')).toMatch(/busybox\s+"sh -c .*Up .*c1\n/)
    const logs = await docker.run(['logs', 'c1'])
    expect([logs.stdout, logs.stderr]).toEqual(['one\n', 'two\n'])
    expect(await docker.output('logs', '-t', '--tail', '1', 'c1')).toMatch(/^$|Z one\n/)
    expect(await docker.output('exec', 'c1', 'echo', 'inside')).toBe('inside\n')
    expect(
      await docker.output(
        'exec',
        '-e',
        'X=1',
        '-w',
        '/tmp',
        '-u',
        '65534',
        'c1',
        'sh',
        '-c',
        'echo $X; pwd; id -u',
      ),
    ).toBe('1\n/tmp\n65534\n')
    expect((await docker.run(['exec', 'c1', 'sh', '-c', 'exit 9'])).code).toBe(9)
    expect((await docker.run(['exec', 'c1', 'nosuch'])).code).toBe(127)
    expect(await docker.output('inspect', '-f', '{{.State.Status}} {{.Name}}', 'c1')).toBe(
      'running /c1\n',
    )
    const conflict = await docker.run(['create', '--name', 'c1', 'busybox'])
    expect(conflict.stderr).toContain('The container name "/c1" is already in use by container')
    const running = await docker.run(['rm', 'c1'])
    expect(running.stderr).toContain(
      'container is running: stop the container before removing or force remove',
    )
    const started = Date.now()
    await docker.output('stop', '-t', '1', 'c1')
    expect(Date.now() - started).toBeLessThan(10_000)
    expect(await docker.output('ps', '-a', '--format', '{{.Status}}')).toMatch(/^Exited \(137\)/)
    expect(await docker.output('rm', 'c1')).toBe('c1\n')
  }, 60_000)

  test('exec -it has a terminal', async () => {
    await docker.output('run', '-d', '--name', 'c2', 'busybox', 'sleep', '1000')
    const child = docker.spawnOnTerminal('exec', '-it', 'c2', 'sh')
    const screen = new Transcript(child)
    await screen.until(/\/ # /)
    child.stdin.write('tty; exit 4\n')
    await screen.until(/\/dev\/pts\/\d/)
    expect((await finished(child)).code).toBe(4)
    await remove('c2')
  })

  test('logs -f follows to the end', async () => {
    await docker.output(
      'run',
      '-d',
      '--name',
      'c3',
      'busybox',
      'sh',
      '-c',
      'for i in 1 2 3; do echo $i; sleep 0.3; done',
    )
    expect(await docker.output('logs', '-f', 'c3')).toBe('1\n2\n3\n')
    expect(await docker.output('wait', 'c3')).toBe('0\n')
    await remove('c3')
  })

  test('attach, detached by Ctrl-P Ctrl-Q', async () => {
    await docker.output('run', '-dit', '--name', 'c4', 'busybox', 'sh')
    const child = docker.spawnOnTerminal('attach', 'c4')
    const screen = new Transcript(child)
    child.stdin.write('\necho here\n')
    await screen.until(/\r\nhere\r\n/)
    child.stdin.write('\u0010\u0011')
    await finished(child)
    expect(await docker.output('inspect', '-f', '{{.State.Running}}', 'c4')).toBe('true\n')
    await remove('c4')
  })

  test('kill, wait, restart, pause, rename, top, stats, events', async () => {
    const since = (Date.now() / 1000).toFixed(3)
    await docker.output('run', '-d', '--name', 'c5', 'busybox', 'sleep', '1000')
    expect(await docker.output('top', 'c5')).toContain('sleep 1000')
    expect(await docker.output('stats', '--no-stream', 'c5')).toContain('c5')
    await docker.output('pause', 'c5')
    expect(await docker.output('ps', '--format', '{{.Status}}')).toContain('(Paused)')
    await docker.output('unpause', 'c5')
    await docker.output('restart', '-t', '0', 'c5')
    await docker.output('rename', 'c5', 'c6')
    const waiting = docker.output('wait', 'c6')
    await docker.output('kill', '-s', 'TERM', 'c6')
    await docker.output('kill', 'c6').catch(() => undefined)
    expect(['137\n', '143\n']).toContain(await waiting)
    await remove('c6')
    const events = await docker.output(
      'events',
      '--since',
      since,
      '--until=-1s',
      '--format',
      '{{.Action}}',
    )
    for (const action of [
      'create',
      'start',
      'pause',
      'unpause',
      'rename',
      'kill',
      'die',
      'destroy',
    ]) {
      expect(events.split('\n')).toContain(action)
    }
  }, 60_000)

  test('a client that leaves takes nothing with it', async () => {
    await docker.output('run', '-d', '--name', 'c7', 'busybox', 'sleep', '1000')
    const child = docker.spawn('logs', '-f', 'c7')
    await new Promise((resolve) => setTimeout(resolve, 300))
    child.kill('SIGKILL')
    expect(await docker.output('ps', '-q', '--no-trunc')).not.toBe('')
    await remove('c7')
  })

  test('rm of what is not there', async () => {
    const { code, stderr } = await docker.run(['rm', 'nosuch'])
    expect([code, stderr]).toEqual([1, 'Error response from daemon: No such container: nosuch\n'])
  })
})

describe('what is stored', () => {
  test('an engine that was killed finds its images and its containers, as exited', async () => {
    await using first = await startServer()
    using one = new DockerCli(first.address)
    await one.output('run', '-d', '--name', 'kept', 'busybox', 'sleep', '1000')
    await first.kill()
    await using second = await startServer(first.data)
    using two = new DockerCli(second.address)
    expect(await two.output('images', '-q')).not.toBe('')
    expect(await two.output('ps', '-a', '--format', '{{.Names}} {{.Status}}')).toMatch(
      /^kept Exited/,
    )
    await two.output('start', 'kept')
    expect(await two.output('exec', 'kept', 'echo', 'again')).toBe('again\n')
  }, 120_000)
})
