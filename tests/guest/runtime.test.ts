import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { RuntimeSpec } from '../../src/core/runtime-spec.ts'
import type { GuestMachine } from '../../src/machine/guest-machine.ts'
import { containerSpec, containerStart, processSpec } from '../support/container-spec.ts'
import { BUSYBOX, finish, runContainer, sh, startMachine, type Finished } from '../support/guest.ts'

let machine: GuestMachine

beforeAll(async () => {
  machine = await startMachine()
}, 120_000)
afterAll(async () => machine[Symbol.asyncDispose]())

type More = Parameters<typeof containerSpec>[1]

const run = async (script: string, more?: More): Promise<Finished> =>
  runContainer(machine, sh(script), more)

/** The default mounts, and these after them. */
const withMounts = (...mounts: NonNullable<RuntimeSpec['mounts']>): More => ({
  spec: { mounts: [...(containerSpec([]).mounts ?? []), ...mounts] },
})

describe('a program that cannot be started fails in the words of runc', () => {
  test.each([
    [['nosuch'], {}, 'not-found', 'exec: "nosuch": executable file not found in $PATH'],
    [['/no/such'], {}, 'not-found', 'exec: "/no/such": stat /no/such: no such file or directory'],
    [['/etc/passwd'], {}, 'not-executable', 'exec: "/etc/passwd": permission denied'],
    [['/etc'], {}, 'not-executable', 'exec: "/etc": is a directory'],
    [['true'], { env: [] }, 'not-found', 'exec: "true": executable file not found in $PATH'],
    [['true'], { cwd: 'tmp' }, 'invalid', 'Cwd must be an absolute path'],
    [['true'], { cwd: '/etc/passwd' }, 'failed', 'mkdir /etc/passwd: not a directory'],
    [[], {}, 'invalid', 'args must not be empty'],
  ])('%j %j', async (args, process, code, message) => {
    await expect(runContainer(machine, args, { process })).rejects.toMatchObject({
      cause: { code, message },
    })
  })

  test("what execve itself refuses is the started container's own failure", async () => {
    const files = { 'bad.sh': '#!/no/interpreter\n' }
    const mount = (id: string) => ({
      destination: '/bad.sh',
      source: `/run/containers/${id}/bad.sh`,
      type: 'bind',
      options: ['rbind'],
    })
    const { container } = containerStart(BUSYBOX, containerSpec([]))
    const spec = containerSpec(sh('chmod +x /bad.sh; exec /bad.sh'), withMounts(mount(container)))
    const first = await machine.processes.run({
      ...containerStart(BUSYBOX, spec, container),
      files,
    })
    expect((await finish(first)).exit).toMatchObject({ code: 127 })
    // The file is executable now, and a second start finds it so.
    const direct = containerSpec(['/bad.sh'], withMounts(mount(container)))
    const second = await machine.processes.run({
      ...containerStart(BUSYBOX, direct, container),
      files,
    })
    expect(await finish(second)).toEqual({
      stdout: '',
      stderr: 'exec /bad.sh: no such file or directory\n',
      exit: { kind: 'exited', code: 255, oomKilled: false },
    })
    await machine.containers.delete(container)
  })
})

describe('files', () => {
  test('a bind mount over a dangling symlink makes its target, inside the container', async () => {
    // What is written in the first run is there in the second: the upper stays.
    const start = containerStart(
      BUSYBOX,
      containerSpec(sh('ln -sf ../run/x/y/conf /etc/resolv.conf')),
    )
    await finish(await machine.processes.run(start))
    const again = containerSpec(
      sh('cat /etc/resolv.conf /run/x/y/conf; echo more >> /etc/resolv.conf'),
      withMounts({
        destination: '/etc/resolv.conf',
        type: 'bind',
        source: `/run/containers/${start.container}/resolv.conf`,
        options: ['rbind', 'rprivate', 'ro'],
      }),
    )
    const process = await machine.processes.run({
      ...containerStart(BUSYBOX, again, start.container),
      files: { 'resolv.conf': 'nameserver 1.2.3.4\n' },
    })
    const { stdout, stderr } = await finish(process)
    expect(stdout).toBe('nameserver 1.2.3.4\n'.repeat(2))
    expect(stderr).toContain('Read-only file system')
    await machine.containers.delete(start.container)
  })

  test('a symlink out of the root stays inside it', async () => {
    const start = containerStart(BUSYBOX, containerSpec(sh('ln -s ../../../../run /out')))
    await finish(await machine.processes.run(start))
    const again = containerSpec(
      sh('ls -d /run/containers-of-guestd; ls -d /run/here'),
      withMounts({ destination: '/out/here', type: 'tmpfs', source: 'tmpfs' }),
    )
    const { stdout } = await finish(
      await machine.processes.run(containerStart(BUSYBOX, again, start.container)),
    )
    expect(stdout).toBe('/run/here\n')
    await machine.containers.delete(start.container)
  })

  test('a failed start keeps what an earlier run wrote', async () => {
    const start = containerStart(BUSYBOX, containerSpec(sh('echo kept > /file')))
    await finish(await machine.processes.run(start))
    const bad = containerSpec(['nosuch'])
    await expect(
      machine.processes.run(containerStart(BUSYBOX, bad, start.container)),
    ).rejects.toThrow('nosuch')
    const missing = containerSpec(
      ['true'],
      withMounts({ destination: '/x', type: 'bind', source: '/no/such', options: ['rbind'] }),
    )
    await expect(
      machine.processes.run(containerStart(BUSYBOX, missing, start.container)),
    ).rejects.toThrow('error mounting "/no/such" to rootfs at "/x": no such file or directory')
    const good = containerSpec(['cat', '/file'])
    const { stdout } = await finish(
      await machine.processes.run(containerStart(BUSYBOX, good, start.container)),
    )
    expect(stdout).toBe('kept\n')
    await machine.containers.delete(start.container)
  })

  test('mount options: ro, noexec, size and mode of a tmpfs; ro of the root', async () => {
    const { stdout, stderr } = await run(
      'grep " /t " /proc/mounts; grep " / " /proc/mounts | cut -c1-17; touch /x; touch /r/x; ls -ld /t /r',
      {
        spec: {
          root: { path: 'rootfs', readonly: true },
          mounts: [
            ...(containerSpec([]).mounts ?? []),
            {
              destination: '/t',
              type: 'tmpfs',
              source: 'tmpfs',
              options: ['noexec', 'size=64k', 'mode=1770'],
            },
            { destination: '/r', type: 'tmpfs', source: 'tmpfs', options: ['ro'] },
          ],
        },
      },
    )
    expect(stdout).toContain('tmpfs /t tmpfs rw,noexec,relatime,size=64k,mode=1770')
    expect(stdout).toContain('overlay / overlay')
    expect(stdout).toMatch(/^drwxrwx--T/m)
    expect(stderr).toContain('/x: Read-only file system')
    expect(stderr).toContain('/r/x: Read-only file system')
  })

  test('masked and read-only paths', async () => {
    const { stdout, stderr } = await run(
      'cat /proc/keys | wc -c; ls /sys/firmware | wc -l; echo 1 > /proc/sys/kernel/sysrq; ls -l /dev/null',
    )
    expect(stdout).toMatch(/^0\n0\ncrw-rw-rw- .* 1, +3 /)
    expect(stderr).toContain('Read-only file system')
  })

  test('a big writable layer is removed without holding guestd up', async () => {
    const { exit } = await run(
      'mkdir /many; cd /many; i=0; while [ $i -lt 400 ]; do : > f$i; i=$((i+1)); done',
    )
    expect(exit).toMatchObject({ code: 0 })
    expect(await machine.guest.ping()).toBeLessThan(5000)
  })
})

describe('privileges', () => {
  test('device rules: what is not allowed cannot be opened', async () => {
    const script =
      'mknod /dev/shared b 7 0; head -c1 /dev/zero | wc -c; mknod /dev/m c 1 1 && head -c1 /dev/m; echo $?'
    const { stdout, stderr } = await run(script)
    expect(stdout).toBe('1\n1\n')
    expect(stderr).toContain('/dev/m: Operation not permitted')
    const all = { linux: { resources: { devices: [{ allow: true, access: 'rwm' }] } } }
    expect((await run('mknod /dev/k c 1 11 && : < /dev/k; echo $?', all)).stdout).toBe('0\n')
    const one = {
      linux: {
        resources: {
          devices: [
            { allow: false, access: 'rwm' },
            { allow: true, type: 'c', major: 1, minor: 11, access: 'r' },
          ],
        },
      },
    }
    const kmsg = await run('mknod /dev/k c 1 11; (: < /dev/k); echo $?; (: > /dev/k); echo $?', one)
    expect(kmsg.stdout).toBe('0\n1\n')
  })

  test('ambient capabilities reach a user', async () => {
    const raw = ['CAP_NET_RAW']
    const { stdout } = await run('grep Cap /proc/self/status; id', {
      process: {
        user: { uid: 33, gid: 44, additionalGids: [55] },
        capabilities: {
          bounding: raw,
          effective: raw,
          permitted: raw,
          inheritable: raw,
          ambient: raw,
        },
      },
    })
    expect(stdout.match(/0000000000002000/g)).toHaveLength(5)
    expect(stdout).toMatch(/uid=33\S* gid=44\S* groups=44\S*,55|uid=33\S* gid=44\S* groups=55/)
  })

  test('user, umask, limits, oom score, no_new_privs', async () => {
    const { stdout } = await run(
      'umask; ulimit -Sn; ulimit -Hn; cat /proc/self/oom_score_adj; grep NoNewPrivs /proc/self/status; echo $HOME; echo out > /dev/stdout',
      {
        process: {
          user: { uid: 1000, gid: 1000, umask: 0o27 },
          env: ['PATH=/bin'],
          rlimits: [{ type: 'RLIMIT_NOFILE', soft: 77, hard: 88 }],
          oomScoreAdj: 500,
          noNewPrivileges: true,
        },
      },
    )
    expect(stdout).toBe('0027\n77\n88\n500\nNoNewPrivs:\t1\n/\nout\n')
  })

  test('sysctl of its own namespaces alone', async () => {
    const sysctl = { 'net.ipv4.ip_unprivileged_port_start': '0' }
    const { stdout } = await run('cat /proc/sys/net/ipv4/ip_unprivileged_port_start', {
      linux: { sysctl },
    })
    expect(stdout).toBe('0\n')
    await expect(run('true', { linux: { sysctl: { 'net.nosuch': '1' } } })).rejects.toThrow(
      'sysctl net.nosuch',
    )
  })

  test("namespaces are new, or those of another process, or the guest's", async () => {
    const start = containerStart(BUSYBOX, containerSpec(['sleep', '1000']))
    const other = await machine.processes.run(start)
    const show = 'for n in net pid ipc uts; do ls -l /proc/self/ns/$n | sed "s/.*-> //"; done'
    const joined = {
      linux: {
        namespaces: [
          { type: 'mount' },
          { type: 'pid', path: `/proc/${other.pid}/ns/pid` },
          { type: 'network', path: `/proc/${other.pid}/ns/net` },
          { type: 'ipc', path: `/proc/${other.pid}/ns/ipc` },
        ],
      },
    }
    const theirs = await machine.processes.exec({
      container: start.container,
      exec: 'show',
      process: processSpec(sh(show)),
    })
    const expected = (await finish(theirs)).stdout.split('\n')
    const seen = await run(`${show}; ps | grep -c [s]leep.1000; hostname`, joined)
    expect(seen.stdout.split('\n').slice(0, 3)).toEqual(expected.slice(0, 3))
    expect(seen.stdout.split('\n')[3]).not.toBe(expected[3])
    expect(seen.stdout.split('\n').slice(4)).toEqual(['1', 'drydock', ''])
    const own = await run(show)
    for (const line of expected.slice(0, 4)) expect(own.stdout).not.toContain(line)
    await machine.processes.signal({ container: start.container }, 9)
    await finish(other)
    await machine.containers.delete(start.container)
  })

  test('what guestd cannot do is refused, not left out', async () => {
    await expect(
      run('true', { linux: { namespaces: [{ type: 'user' }, { type: 'mount' }] } }),
    ).rejects.toThrow('namespace "user" is not supported')
    const capabilities = {
      bounding: ['CAP_NONE'],
      effective: [],
      permitted: [],
      inheritable: [],
      ambient: [],
    }
    await expect(run('true', { process: { capabilities } })).rejects.toThrow(
      'unknown capability "CAP_NONE"',
    )
    await expect(
      run('true', withMounts({ destination: '/x', type: 'tmpfs', options: ['tmpcopyup'] })),
    ).rejects.toThrow('options are not supported')
  })
})
