import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { GuestMachine } from '../../src/machine/guest-machine.ts'
import { containerSpec } from '../support/container-spec.ts'
import { ORACLE, oracleTree, runWithCrun } from '../support/crun-oracle.ts'
import { runContainer, sh, startMachine } from '../support/guest.ts'

/** guestd starts containers itself; crun, an independent runtime, says what a process has to find then. */
let machine: GuestMachine
beforeAll(async () => {
  machine = await startMachine({ hostRoot: { tree: ORACLE } })
  machine.trees.add(ORACLE, await oracleTree())
}, 120_000)
afterAll(async () => {
  await machine[Symbol.asyncDispose]()
})

type More = Parameters<typeof containerSpec>[1]

async function compare(script: string, more?: More): Promise<string> {
  const ours = await runContainer(machine, sh(script), more)
  const theirs = await runWithCrun(machine, containerSpec(sh(script), more))
  expect(ours).toEqual(theirs)
  return ours.stdout
}

const resources = {
  memory: { limit: 33_554_432, reservation: 16_777_216, swap: 33_554_432 },
  cpu: { shares: 512, quota: 50_000, period: 100_000 },
  pids: { limit: 50 },
}

describe('guestd and crun show a process the same', { timeout: 60_000 }, () => {
  test.each<[string, More]>([
    ['root', {}],
    [
      'another user',
      { process: { user: { uid: 1000, gid: 50, additionalGids: [10, 27], umask: 0o27 } } },
    ],
    ['no_new_privs', { process: { noNewPrivileges: true } }],
    [
      'no capabilities',
      {
        process: {
          capabilities: {
            bounding: [],
            effective: [],
            permitted: [],
            inheritable: [],
            ambient: [],
          },
        },
      },
    ],
    [
      'ambient capabilities of a user',
      {
        process: {
          user: { uid: 1000, gid: 1000 },
          capabilities: {
            bounding: ['CAP_NET_RAW'],
            effective: ['CAP_NET_RAW'],
            permitted: ['CAP_NET_RAW'],
            inheritable: ['CAP_NET_RAW'],
            ambient: ['CAP_NET_RAW'],
          },
        },
      },
    ],
  ])('credentials: %s', async (_, more) => {
    const found = await compare(
      'grep -E "^(Umask|Uid|Gid|Groups|NSpid|Cap...|NoNewPrivs|Seccomp|SigIgn|SigBlk|SigCgt):" /proc/self/status; id',
      more,
    )
    expect(found).toContain('CapBnd')
  })

  test('mounts and their options', async () => {
    const script = `awk '{ at = 7; while ($at != "-") at++; print $5, $6, $(at + 1) }' /proc/self/mountinfo | sort`
    const found = await compare(`${script} | grep -v "^/proc/"`)
    expect(found).toContain('/dev/mqueue')
    // Below /proc crun 1.8 drops the flags of what it makes read-only, and masks with the host's null. runc does as
    // Docker's users know it, and so do we (as seen with runc 1.3).
    expect((await runContainer(machine, sh(`${script} | grep "^/proc/"`))).stdout).toBe(`\
/proc/bus ro,nosuid,nodev,noexec,relatime proc
/proc/fs ro,nosuid,nodev,noexec,relatime proc
/proc/irq ro,nosuid,nodev,noexec,relatime proc
/proc/keys rw,nosuid tmpfs
/proc/sys ro,nosuid,nodev,noexec,relatime proc
/proc/sysrq-trigger ro,nosuid,nodev,noexec,relatime proc
/proc/timer_list rw,nosuid tmpfs
`)
  })

  test('devices', async () => {
    await compare(
      'ls -lna /dev | awk \'{ print $1, $2, $3, $4, $5 ~ /,/ ? $5 $6 : "", $NF }\' | grep -v -e "\\.\\.$" -e ^total | sort',
    )
  })

  test('masked and read-only paths', async () => {
    await compare(
      'for p in /proc/keys /proc/timer_list /proc/kcore; do wc -c < $p; done 2>&1; ls /sys/firmware; for p in /proc/sys/vm/swappiness /proc/sysrq-trigger /sys/x; do echo 1 2>/dev/null > $p || echo no $p; done 2>&1 | sed "s/.*line [0-9]*: //"',
    )
  })

  test('limits, scores, environment, directory, descriptors', async () => {
    await compare(
      'ulimit -a; cat /proc/self/oom_score_adj; env | sort; pwd; ls -1 /proc/self/fd; hostname; cat /proc/sys/kernel/domainname',
      {
        process: {
          cwd: '/tmp',
          oomScoreAdj: 100,
          env: ['PATH=/bin', 'A=b c', 'EMPTY='],
          rlimits: [
            { type: 'RLIMIT_NOFILE', soft: 300, hard: 400 },
            { type: 'RLIMIT_CORE', soft: 0, hard: 0 },
            { type: 'RLIMIT_NPROC', soft: 77, hard: 88 },
          ],
        },
        spec: { hostname: 'named', domainname: 'example.org' },
      },
    )
  })

  test('resources', async () => {
    const found = await compare(
      'cd /sys/fs/cgroup; grep -r "" memory.max memory.low memory.swap.max cpu.max cpu.weight pids.max 2>/dev/null; cat /proc/self/cgroup',
      { linux: { ...containerSpec([]).linux, resources } },
    )
    expect(found).toContain('memory.max:33554432')
    expect(found).toContain('cpu.max:50000 100000')
  })

  test('a read-only root, sysctls, tmpfs', async () => {
    const { mounts = [], linux } = containerSpec([])
    await compare(
      'echo x > /x; cat /proc/sys/net/ipv4/ip_forward; grep " /scratch " /proc/mounts; touch /scratch/x && stat -c %a /scratch',
      {
        linux: { ...linux, sysctl: { 'net.ipv4.ip_forward': '1' } },
        spec: {
          root: { path: 'rootfs', readonly: true },
          mounts: [
            ...mounts,
            {
              destination: '/scratch',
              type: 'tmpfs',
              source: 'tmpfs',
              options: ['nosuid', 'nodev', 'noexec', 'size=1m', 'mode=1770'],
            },
          ],
        },
      },
    )
  })

  test('exit codes and signals', async () => {
    await compare('exit 42')
    await compare('(kill -9 $BASHPID; exec sleep 1) & wait $!; echo $?; exit 3')
  })
})
