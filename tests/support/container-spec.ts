import { randomBytes } from 'node:crypto'
import type { ContainerStart } from '../../src/core/guest-protocol.ts'
import type { RuntimeProcess, RuntimeSpec } from '../../src/core/runtime-spec.ts'

export const containerId = (): string => randomBytes(32).toString('hex')

const capabilities = [
  'CAP_CHOWN',
  'CAP_DAC_OVERRIDE',
  'CAP_FSETID',
  'CAP_FOWNER',
  'CAP_MKNOD',
  'CAP_NET_RAW',
  'CAP_SETGID',
  'CAP_SETUID',
  'CAP_SETFCAP',
  'CAP_SETPCAP',
  'CAP_NET_BIND_SERVICE',
  'CAP_SYS_CHROOT',
  'CAP_KILL',
  'CAP_AUDIT_WRITE',
]

export const processSpec = (
  args: readonly string[],
  more: Partial<RuntimeProcess> = {},
): RuntimeProcess => ({
  user: { uid: 0, gid: 0 },
  args,
  env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'HOME=/root'],
  cwd: '/',
  capabilities: {
    bounding: capabilities,
    effective: capabilities,
    permitted: capabilities,
    inheritable: [],
    ambient: [],
  },
  noNewPrivileges: false,
  ...more,
})

/** A container as Docker would start it (moby oci/defaults.go), without a network. */
export function containerSpec(
  args: readonly string[],
  more: {
    readonly process?: Partial<RuntimeProcess>
    readonly linux?: Partial<RuntimeSpec['linux']>
    readonly spec?: Partial<RuntimeSpec>
  } = {},
): RuntimeSpec {
  return {
    ociVersion: '1.2.0',
    process: processSpec(args, more.process),
    root: { path: 'rootfs', readonly: false },
    hostname: 'c1',
    mounts: [
      {
        destination: '/proc',
        type: 'proc',
        source: 'proc',
        options: ['nosuid', 'noexec', 'nodev'],
      },
      {
        destination: '/dev',
        type: 'tmpfs',
        source: 'tmpfs',
        options: ['nosuid', 'strictatime', 'mode=755', 'size=65536k'],
      },
      {
        destination: '/dev/pts',
        type: 'devpts',
        source: 'devpts',
        options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5'],
      },
      {
        destination: '/sys',
        type: 'sysfs',
        source: 'sysfs',
        options: ['nosuid', 'noexec', 'nodev', 'ro'],
      },
      {
        destination: '/sys/fs/cgroup',
        type: 'cgroup',
        source: 'cgroup',
        options: ['ro', 'nosuid', 'noexec', 'nodev'],
      },
      {
        destination: '/dev/mqueue',
        type: 'mqueue',
        source: 'mqueue',
        options: ['nosuid', 'noexec', 'nodev'],
      },
      {
        destination: '/dev/shm',
        type: 'tmpfs',
        source: 'shm',
        options: ['nosuid', 'noexec', 'nodev', 'mode=1777', 'size=67108864'],
      },
    ],
    linux: {
      namespaces: ['mount', 'network', 'uts', 'pid', 'ipc', 'cgroup'].map((type) => ({ type })),
      maskedPaths: ['/proc/kcore', '/proc/keys', '/proc/timer_list', '/proc/scsi', '/sys/firmware'],
      readonlyPaths: ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'],
      ...more.linux,
    },
    ...more.spec,
  }
}

export function containerStart(
  tree: string,
  spec: RuntimeSpec,
  container: string = containerId(),
): ContainerStart {
  return { container, spec, rootfs: { tree, upper: 'tmpfs' }, files: {} }
}
