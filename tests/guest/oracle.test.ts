import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { RuntimeSpec } from '../../src/core/guest-protocol.ts'
import type { RootfsNode } from '../../src/core/layer.ts'
import type { GuestMachine } from '../../src/machine/guest-machine.ts'
import { catalogTree } from '../support/catalog-tree.ts'
import { containerSpec, processSpec } from '../support/container-spec.ts'
import { finish, runContainer, sh, startMachine } from '../support/guest.ts'

// Debian's crun, static, runs the same bundles as guestd's own runtime, in the host root of the same guest: what a process
// finds must be the same.

const HOST = 'c0'.repeat(16)
const crun = gunzipSync(readFileSync(new URL('../../public/guest/test/crun.gz', import.meta.url)))

const plain = { uid: 0, gid: 0, mtime: 0, size: 0, offset: 0, links: 1 }

const directory = (children: Readonly<Record<string, RootfsNode>>): RootfsNode => ({
  ...plain,
  kind: 'directory',
  mode: 0o755,
  links: 2,
  children: new Map(Object.entries(children)),
})

const file = (bytes: Uint8Array, mode: number): RootfsNode => ({
  ...plain,
  kind: 'file',
  mode,
  size: bytes.length,
  source: { read: (offset, length) => bytes.subarray(offset, offset + length) },
})

/** Lines of what a process can see of itself and around it; what differs by nature is left out or made alike. */
const probe = sh(`
id; pwd; hostname; umask; ulimit -a; env | sort
grep -E '^(Umask|Uid|Gid|Groups|NSpid|SigBlk|SigIgn|SigCgt|Cap|NoNewPrivs|Seccomp)' /proc/self/status
cat /proc/self/oom_score_adj /proc/self/cgroup /proc/1/comm
ls -l /proc/self/fd | wc -l
cut -d ' ' -f 2- /proc/mounts | grep -v '^/ '
cut -d ' ' -f 5-7 /proc/self/mountinfo
ls -lLn /dev | awk '{ print $1, $3, $4, $5, $6, $NF }'; ls -l /dev | grep -e '->' | sed 's/.* \\([^ ]* -> .*\\)/\\1/'
ls -ldn / /proc /sys /dev /dev/pts /dev/shm /dev/mqueue /etc /tmp | awk '{ print $1, $3, $4, $NF }'
for f in memory.max memory.swap.max memory.low cpu.max cpu.weight pids.max; do echo $f $(cat /sys/fs/cgroup/$f 2>&1); done
for p in /proc/kcore /proc/keys /proc/timer_list; do wc -c < $p; done
for p in /proc/sysrq-trigger /proc/sys/kernel/hostname /sys/kernel/profiling /new; do (echo x > $p) 2>&1; done
mknod /dev/mem c 1 1 2>&1; head -c 1 /dev/mem 2>&1
ip -o addr | sed 's/valid_lft.*//'; cat /proc/sys/net/ipv4/ip_unprivileged_port_start; tty
for s in 0 1 2; do [ -t $s ] && echo terminal $s; done
`)

let machine: GuestMachine
const bundles: Record<string, RootfsNode> = {}

const cases: Readonly<Record<string, Parameters<typeof containerSpec>[1]>> = {
  defaults: {},
  'a user with groups, limits and no_new_privs': {
    process: {
      user: { uid: 1000, gid: 1000, umask: 0o077, additionalGids: [5, 20] },
      rlimits: [
        { type: 'RLIMIT_NOFILE', soft: 100, hard: 200 },
        { type: 'RLIMIT_CORE', soft: 0, hard: 0 },
        { type: 'RLIMIT_NPROC', soft: 1000, hard: 1000 },
      ],
      noNewPrivileges: true,
      oomScoreAdj: 100,
      cwd: '/made/here',
    },
  },
  'ambient capabilities': {
    process: {
      user: { uid: 33, gid: 33 },
      capabilities: {
        bounding: ['CAP_NET_RAW', 'CAP_CHOWN'],
        effective: ['CAP_NET_RAW'],
        permitted: ['CAP_NET_RAW', 'CAP_CHOWN'],
        inheritable: ['CAP_NET_RAW'],
        ambient: ['CAP_NET_RAW'],
      },
    },
  },
  'resources, sysctl, device': {
    linux: {
      resources: {
        memory: { limit: 64_000_000, reservation: 32_000_000, swap: 64_000_000 },
        cpu: { shares: 512, quota: 50_000, period: 100_000 },
        pids: { limit: 100 },
        devices: [{ allow: false, access: 'rwm' }],
      },
      sysctl: { 'net.ipv4.ip_unprivileged_port_start': '0' },
      devices: [
        { path: '/dev/fuse', type: 'c', major: 10, minor: 229, fileMode: 0o660, uid: 3, gid: 4 },
      ],
    },
  },
  'a read-only root with a tmpfs and a bind mount': {
    spec: {
      root: { path: 'rootfs', readonly: true },
      mounts: [
        ...(containerSpec([]).mounts ?? []),
        { destination: '/t', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'size=1m'] },
        {
          destination: '/b',
          type: 'bind',
          source: '/tmp',
          options: ['rbind', 'ro', 'nosuid', 'nodev', 'noexec'],
        },
      ],
    },
  },
  'the network and hostname of the guest': {
    linux: {
      namespaces: ['mount', 'pid', 'ipc', 'cgroup'].map((type) => ({ type })),
    },
  },
}

/**
 * guestd follows runc where crun differs: read-only paths keep the flags of their filesystem, a masked file is the container's
 * own /dev/null, a pipe changes its user alone. Mounts are compared in any order.
 */
function alike(text: string): string[] {
  const lines = text.split('\n').map((line) =>
    line
      .replace(/^(\/proc\/\w+|\/proc\/sysrq-trigger|\/sys\/firmware) .*\bro,.*/, '$1 read-only')
      .replace(/^(\/proc\/(keys|timer_list)) .*/, '$1 masked')
      .replace(/^(\/proc\/(keys|timer_list)) read-only/, '$1 masked')
      .replace(/^(prw-+ \d+) \d+/, '$1'),
  )
  const mounts = lines.filter((line) => line.startsWith('/')).sort()
  return [...lines.filter((line) => !line.startsWith('/')), ...mounts]
}

const specOf = (name: string): RuntimeSpec => {
  const { spec, linux, process } = cases[name] ?? {}
  const made = containerSpec(probe, { ...(process && { process }), ...(spec && { spec }) })
  const own = (linux?.namespaces ?? made.linux.namespaces).some(({ type }) => type === 'uts')
  const { hostname, ...unnamed } = made
  return {
    ...unnamed,
    ...(own && hostname !== undefined && { hostname }),
    linux: {
      ...made.linux,
      resources: { devices: [{ allow: false, access: 'rwm' }] },
      ...linux,
    },
  }
}

beforeAll(async () => {
  const busybox = await catalogTree('busybox:latest')
  for (const [index, name] of Object.keys(cases).entries()) {
    const spec = { ...specOf(name), root: { ...specOf(name).root, path: '/rootfs' } }
    // crun 1.8 refuses later versions of the specification.
    const linux = { ...spec.linux, cgroupsPath: `/crun/${index}` }
    const config = new TextEncoder().encode(JSON.stringify({ ...spec, linux, ociVersion: '1.0.2' }))
    bundles[`bundle${index}`] = directory({ 'config.json': file(config, 0o644) })
  }
  machine = await startMachine({ hostRoot: { tree: HOST } })
  machine.addTree(
    HOST,
    directory({
      ...Object.fromEntries(busybox.children ?? []),
      ...bundles,
      crun: file(crun, 0o755),
      // Directories of its own: one under two names would be a hard link that Linux has not.
      rootfs: await catalogTree('busybox:latest'),
    }),
  )
}, 120_000)
afterAll(async () => machine[Symbol.asyncDispose]())

describe('crun and guestd give a process the same', () => {
  test.each([...Object.keys(cases).entries()])(
    '%i %s',
    { timeout: 60_000 },
    async (index, name) => {
      const { capabilities: _, ...process } = processSpec(
        ['/crun', 'run', '--bundle', `/bundle${index}`, `oracle${index}`],
        { env: ['PATH=/bin'] },
      )
      const theirs = await finish(await machine.runOnHost({ host: `crun${index}`, process }))
      const ours = await runContainer(machine, probe, { spec: specOf(name) })
      expect(ours.stderr.split('\n')).toEqual(theirs.stderr.split('\n'))
      expect(alike(ours.stdout)).toEqual(alike(theirs.stdout))
      expect(ours.exit).toEqual(theirs.exit)
    },
  )
})
