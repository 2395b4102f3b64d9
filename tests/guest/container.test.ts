import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { GuestMachine } from '../../src/machine/guest-machine.ts'
import {
  containerId,
  containerSpec,
  containerStart,
  processSpec,
} from '../support/container-spec.ts'
import { BUSYBOX, finish, runContainer, sh, startMachine } from '../support/guest.ts'

let machine: GuestMachine
beforeAll(async () => {
  machine = await startMachine()
}, 120_000)
afterAll(async () => {
  await machine[Symbol.asyncDispose]()
})

const output = async (script: string, more?: Parameters<typeof containerSpec>[1]) => {
  const { stdout, stderr, exit } = await runContainer(machine, sh(script), more)
  expect({ stderr, exit }).toEqual({
    stderr: '',
    exit: { kind: 'exited', code: 0, oomKilled: false },
  })
  return stdout.trimEnd()
}

const status = async (field: string, more?: Parameters<typeof containerSpec>[1]) =>
  (await output(`grep ^${field}: /proc/self/status`, more)).split(/\s+/).slice(1).join(' ')

describe('a process finds', () => {
  test('itself alone, as init of its namespaces', async () => {
    expect(await output('echo $$; ls /proc | grep -c "^[0-9]*$"')).toMatch(/^1\n[34]$/)
    const namespaces = 'ls -l /proc/1/ns | grep -o "[a-z_]*:\\[[0-9]*"; sleep 1'
    const [own, other] = await Promise.all([output(namespaces), output(namespaces)])
    expect(
      own
        .split('\n')
        .filter((line) => other.split('\n').includes(line))
        .map((line) => line.replace(/:.*/, '')),
    ).toEqual(['time', 'time', 'user'])
  })

  test('its name, directory, environment, user and groups', async () => {
    expect(await output('hostname')).toBe('c1')
    expect(
      await output('pwd; echo $GREETING; id; umask', {
        process: {
          cwd: '/tmp',
          env: ['PATH=/bin', 'GREETING=hallo wörld'],
          user: { uid: 1000, gid: 50, additionalGids: [50, 27], umask: 0o27 },
        },
      }),
    ).toBe('/tmp\nhallo wörld\nuid=1000 gid=50 groups=27,50\n0027')
  })

  test('arguments as they were given', async () => {
    const { stdout } = await runContainer(machine, [
      'printf',
      '[%s]',
      '',
      ' a ',
      '"',
      "'",
      '$x',
      'ü',
      '\n',
    ])
    expect(stdout).toBe(`[][ a ]["]['][$x][ü][\n]`)
  })

  test.each([
    ['CapInh', '0000000000000000'],
    ['CapPrm', '00000000a80425fb'],
    ['CapEff', '00000000a80425fb'],
    ['CapBnd', '00000000a80425fb'],
    ['CapAmb', '0000000000000000'],
    ['NoNewPrivs', '0'],
    ['Seccomp', '0'],
  ])('%s as Docker has it', async (field, value) => {
    expect(await status(field)).toBe(value)
  })

  test('no capability as another user, and no_new_privs where asked for', async () => {
    const process = { user: { uid: 1000, gid: 1000 }, noNewPrivileges: true }
    expect(await status('CapEff', { process })).toBe('0000000000000000')
    expect(await status('CapBnd', { process })).toBe('00000000a80425fb')
    expect(await status('NoNewPrivs', { process })).toBe('1')
  })

  test('its limits', async () => {
    const rlimits = [{ type: 'RLIMIT_NOFILE', soft: 100, hard: 200 }]
    expect(await output('ulimit -Sn; ulimit -Hn', { process: { rlimits } })).toBe('100\n200')
  })

  test('masked and read-only paths', async () => {
    expect(await output('cat /proc/keys /proc/timer_list | wc -c; ls /sys/firmware | wc -l')).toBe(
      '0\n0',
    )
    const { stderr } = await runContainer(
      machine,
      sh('echo 1 > /proc/sys/vm/overcommit_memory; echo 1 > /sys/x'),
    )
    expect(stderr).toMatch(/Read-only file system[\s\S]*Read-only file system/)
  })

  test('the default devices and mounts', async () => {
    expect(await output('cd /dev; ls -1 | xargs echo')).toBe(
      'core fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero',
    )
    const mounts = await output('cut -d" " -f2,3 /proc/mounts')
    for (const line of [
      '/ overlay',
      '/proc proc',
      '/dev tmpfs',
      '/dev/pts devpts',
      '/sys sysfs',
      '/sys/fs/cgroup cgroup2',
      '/dev/mqueue mqueue',
      '/dev/shm tmpfs',
    ]) {
      expect(mounts.split('\n')).toContain(line)
    }
    expect(
      await output(
        'echo x > /dev/null && head -c4 /dev/zero | od -An -tx1; test -e /.old && echo old; true',
      ),
    ).toBe('00 00 00 00'.padStart(12))
  })

  test('a root of its own to write to', async () => {
    expect(
      await output('echo mine > /etc/mark; cat /etc/mark; rm /bin/vi; ls /bin/vi 2>&1; true'),
    ).toMatch(/^mine\n.*No such file/)
    expect(await output('ls /etc/mark 2>&1; ls /bin/vi; true')).toMatch(
      /No such file[\s\S]*\/bin\/vi/,
    )
    const readonly = { spec: { root: { path: 'rootfs', readonly: true } } }
    expect((await runContainer(machine, sh('echo x > /x'), readonly)).stderr).toContain(
      'Read-only file system',
    )
  })

  test('files of the engine by bind mounts', async () => {
    const spec = containerSpec(['cat', '/etc/hosts'])
    const container = containerId()
    const source = `/run/containers/${container}/hosts`
    const start = {
      ...containerStart(
        BUSYBOX,
        {
          ...spec,
          mounts: [
            ...(spec.mounts ?? []),
            { destination: '/etc/hosts', type: 'bind', source, options: ['rbind', 'rprivate'] },
          ],
        },
        container,
      ),
      files: { hosts: '127.0.0.1 localhost\n' },
    }
    expect((await finish(await machine.processes.run(start))).stdout).toBe('127.0.0.1 localhost\n')
    await machine.containers.delete(container)
  })
})

describe('a process', () => {
  test.each([
    [['false'], 1],
    [sh('exit 42'), 42],
    [sh('kill -TERM $$'), 0],
    [sh('sh -c "kill -9 \\$\\$"; exit $?'), 137],
  ])('%j exits with %d', async (args, code) => {
    // Signals that init has no handler for do nothing: PID 1 is not killed by its own SIGTERM.
    expect((await runContainer(machine, args)).exit).toEqual({
      kind: 'exited',
      code,
      oomKilled: false,
    })
  })

  test('keeps its two streams apart, with every byte', async () => {
    const { stdout, stderr } = await runContainer(machine, sh('seq 1 20000; seq 1 10000 >&2'))
    const lines = (count: number) =>
      Array.from({ length: count }, (_, at) => `${at + 1}\n`).join('')
    expect(stdout).toBe(lines(20_000))
    expect(stderr).toBe(lines(10_000))
  })

  test('reads what is written to it up to the end', async () => {
    const start = containerStart(BUSYBOX, containerSpec(['sha256sum']))
    const process = await machine.processes.run(start)
    const writer = process.stdin.getWriter()
    for (let count = 0; count < 64; count++) await writer.write(new Uint8Array(65_536))
    await writer.close()
    // sha256 of 4 MiB of zeros.
    expect((await finish(process)).stdout).toBe(
      'bb9f8df61474d25e71fa00722318cd387396ca1736605e1248821cc0de3d3af8  -\n',
    )
    await machine.containers.delete(start.container)
  })

  test('has a terminal, which follows its size and its keys', async () => {
    const start = containerStart(
      BUSYBOX,
      containerSpec(['sh'], {
        process: {
          terminal: true,
          consoleSize: { width: 100, height: 30 },
          env: ['PATH=/bin', 'TERM=xterm', 'PS1=$ '],
        },
      }),
    )
    const process = await machine.processes.run(start)
    const decoder = new TextDecoder()
    let seen = ''
    const reading = (async () => {
      for await (const { stream, bytes } of process.output) {
        expect(stream).toBe('stdout')
        seen += decoder.decode(bytes, { stream: true })
      }
    })()
    const writer = process.stdin.getWriter()
    const type = (text: string) => writer.write(new TextEncoder().encode(text))
    await type('tty; stty size\n')
    await expect.poll(() => seen).toContain('30 100')
    expect(seen).toMatch(/\/dev\/(console|pts\/0)/)
    await machine.processes.resize({ container: start.container }, { cols: 120, rows: 40 })
    await type('stty size\n')
    await expect.poll(() => seen).toContain('40 120')
    await type('sleep 100\n')
    await expect.poll(async () => (await machine.containers.top(start.container)).length).toBe(2)
    await type('\x03')
    await expect.poll(async () => (await machine.containers.top(start.container)).length).toBe(1)
    await type('exit 3\n')
    await reading
    expect(await process.exited).toMatchObject({ code: 3 })
    await machine.containers.delete(start.container)
  })

  test.each([
    [['/nosuch'], 'not-found', /exec: "\/nosuch": stat \/nosuch: no such file or directory/],
    [['nosuch'], 'not-found', /exec: "nosuch": executable file not found in \$PATH/],
    [['/etc/passwd'], 'not-executable', /exec: "\/etc\/passwd": permission denied/],
    [['/etc'], 'not-executable', /exec: "\/etc": (is a directory|permission denied)/],
  ])('%j cannot start', async (args, code, message) => {
    await expect(runContainer(machine, args)).rejects.toMatchObject({
      code: 'invalid-parameter',
      message: expect.stringMatching(message) as string,
      cause: { code },
    })
  })

  test('that nobody reads stops, and others go on', async () => {
    const start = containerStart(BUSYBOX, containerSpec(['yes']))
    const process = await machine.processes.run(start)
    const used = async () => (await machine.containers.stats(start.container)).cpu['usage_usec']
    await expect
      .poll(
        async () => {
          const before = await used()
          await new Promise((resolve) => void setTimeout(resolve, 300))
          return (await used()) === before
        },
        { timeout: 20_000 },
      )
      .toBe(true)
    expect(await output('echo on')).toBe('on')
    await machine.processes.signal({ container: start.container }, 9)
    await process.output.cancel()
    expect(await process.exited).toMatchObject({ code: 137 })
    await machine.containers.delete(start.container)
  })
})

describe('resources', () => {
  test('memory.max: an overrun is killed and told', async () => {
    const { exit } = await runContainer(
      machine,
      ['dd', 'if=/dev/zero', 'of=/dev/shm/x', 'bs=1M', 'count=60'],
      { linux: { resources: { memory: { limit: 16 * 1024 * 1024, swap: 16 * 1024 * 1024 } } } },
    )
    expect(exit).toEqual({ kind: 'exited', code: 137, oomKilled: true })
  })

  test('cpu.max: a quarter is a quarter', async () => {
    const start = containerStart(
      BUSYBOX,
      containerSpec(sh('while :; do :; done'), {
        linux: { resources: { cpu: { quota: 25_000, period: 100_000 } } },
      }),
    )
    const process = await machine.processes.run(start)
    await new Promise((resolve) => void setTimeout(resolve, 500))
    const before = await machine.containers.stats(start.container)
    await new Promise((resolve) => void setTimeout(resolve, 3_000))
    const after = await machine.containers.stats(start.container)
    const used = (after.cpu['usage_usec'] ?? 0) - (before.cpu['usage_usec'] ?? 0)
    const share = used / (after.systemCpuUsec - before.systemCpuUsec)
    expect(share).toBeGreaterThan(0.2)
    expect(share).toBeLessThan(0.3)
    await machine.processes.signal({ container: start.container }, 9)
    expect(await process.exited).toMatchObject({ code: 137 })
    await machine.containers.delete(start.container)
  })

  test('pids.max: a fork bomb stays inside', async () => {
    const { stderr } = await runContainer(
      machine,
      sh('for i in $(seq 30); do sleep 1 & done; wait'),
      {
        linux: { resources: { pids: { limit: 10 } } },
      },
    )
    expect(stderr).toMatch(/fork/)
    expect(await machine.guest.ping()).toBeLessThan(2_000)
  })

  test('are read, updated, frozen', async () => {
    const start = containerStart(
      BUSYBOX,
      containerSpec(sh('while :; do :; done'), {
        linux: { resources: { memory: { limit: 64 * 1024 * 1024 }, pids: { limit: 20 } } },
      }),
    )
    const process = await machine.processes.run(start)
    const id = start.container
    const stats = await machine.containers.stats(id)
    expect(stats.memory).toMatchObject({ max: 64 * 1024 * 1024 })
    expect(stats.pids).toEqual({ current: 1, max: 20 })
    await machine.containers.update(id, { memoryMax: 32 * 1024 * 1024, pidsMax: 'max' })
    expect(await machine.containers.stats(id)).toMatchObject({
      memory: { max: 32 * 1024 * 1024 },
      pids: { max: null },
    })
    expect(await machine.containers.top(id)).toMatchObject([
      { command: expect.stringContaining('while') as string },
    ])
    await machine.containers.pause(id)
    const paused = (await machine.containers.stats(id)).cpu['usage_usec']
    await new Promise((resolve) => void setTimeout(resolve, 300))
    expect((await machine.containers.stats(id)).cpu['usage_usec']).toBe(paused)
    await machine.containers.resume(id)
    await expect
      .poll(async () => (await machine.containers.stats(id)).cpu['usage_usec'])
      .toBeGreaterThan(paused ?? 0)
    await machine.processes.signal({ container: id }, 9)
    expect(await process.exited).toMatchObject({ code: 137 })
    await machine.containers.delete(id)
    await expect(machine.containers.stats(id)).rejects.toMatchObject({ code: 'not-found' })
    await machine.containers.delete(id)
  })
})

describe('exec', () => {
  test('joins the container as another user, and outlives nothing', async () => {
    const start = containerStart(
      BUSYBOX,
      containerSpec(['sleep', '1000'], { spec: { hostname: 'inner' } }),
    )
    const init = await machine.processes.run(start)
    const { container } = start
    const run = async (args: readonly string[], more: Parameters<typeof processSpec>[1] = {}) =>
      finish(
        await machine.processes.exec({
          container,
          exec: containerId(),
          process: processSpec(args, more),
        }),
      )
    expect((await run(['hostname'])).stdout).toBe('inner\n')
    expect((await run(sh('tr "\\0" " " < /proc/1/cmdline'))).stdout).toBe('sleep 1000 ')
    expect((await run(['id', '-u'], { user: { uid: 33, gid: 33 } })).stdout).toBe('33\n')
    expect((await run(sh('exit 7'))).exit).toMatchObject({ code: 7 })
    await expect(run(['nosuch'])).rejects.toMatchObject({ cause: { code: 'not-found' } })
    expect((await run(sh('cat /proc/self/cgroup'))).stdout).toBe('0::/\n')
    const long = { container, exec: containerId(), process: processSpec(['sleep', '1000']) }
    const second = await machine.processes.exec(long)
    await machine.processes.signal({ container, exec: long.exec }, 15)
    expect(await second.exited).toMatchObject({ code: 143 })
    const third = await machine.processes.exec({ ...long, exec: containerId() })
    await machine.processes.signal({ container }, 9)
    expect(await init.exited).toMatchObject({ code: 137 })
    expect(await third.exited).toMatchObject({ code: 137 })
    await expect(run(['true'])).rejects.toMatchObject({ code: 'conflict' })
    await machine.containers.delete(container)
    await expect(run(['true'])).rejects.toMatchObject({ code: 'not-found' })
  })
})

describe('cancellation', () => {
  test('an aborted start leaves nothing that runs', async () => {
    for (const delay of [0, 1, 5, 20, 50]) {
      const start = containerStart(BUSYBOX, containerSpec(['sleep', '1000']))
      const abort = new AbortController()
      setTimeout(() => abort.abort(new Error('the client left')), delay)
      const started = await machine.processes.run(start, abort.signal).then(
        (process) => process,
        (error: unknown) => {
          expect(error).toBe(abort.signal.reason)
        },
      )
      if (started) {
        await machine.processes.signal({ container: start.container }, 9)
        await started.output.cancel()
        await started.exited
        await machine.containers.delete(start.container)
      }
      await expect
        .poll(() =>
          machine.containers.stats(start.container).then(
            () => 'there',
            () => 'gone',
          ),
        )
        .toBe('gone')
      // Its name is free again.
      await expect
        .poll(() =>
          machine.processes.run({ ...start, spec: containerSpec(['true']) }).then(
            async (process) => (await finish(process)).exit.kind,
            () => 'taken',
          ),
        )
        .toBe('exited')
      await machine.containers.delete(start.container)
    }
  })
})
