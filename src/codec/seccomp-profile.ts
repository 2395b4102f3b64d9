import type { ConditionalSyscall } from './seccomp-syscalls.ts'

/** All comparisons are unsigned and of the low 32 bits, which is all an i386 argument has. */
export type ArgumentTest =
  | { readonly argument: number; readonly is: 'equal' | 'below'; readonly value: number }
  /** No bit of the mask is set. */
  | { readonly argument: number; readonly is: 'clear'; readonly mask: number }

/** A rule of a profile: the first that applies to a system call decides. */
export interface SeccompRule {
  readonly syscalls: readonly ConditionalSyscall[]
  /** Absent: allow. */
  readonly errno?: number
  /** Applies when the container has one of these; absent: always. */
  readonly capabilities?: readonly string[]
  /** Applies when one of these holds; absent: always. */
  readonly when?: readonly ArgumentTest[]
}

const ENOSYS = 38

/** CLONE_NEW* but for CLONE_NEWTIME, which clone() can't say. */
const cloneNamespaces = 0x7e02_0000

/** AF_VSOCK (40) is missing on purpose, as are the algorithms' AF_ALG (38), which Docker denies as well. */
const socketFamilies = [
  13, 14, 15, 16, 17, 18, 21, 22, 24, 26, 27, 28, 29, 30, 31, 32, 33, 35, 36, 39, 41, 42, 43, 44,
  45,
]

/**
 * Docker's default profile (moby profiles/seccomp/default.json), the part with conditions; what is neither here nor in
 * `allowedSyscalls` fails with EPERM. socketcall() is allowed as there: its arguments lie in memory, where no filter
 * sees them, so the host never takes a vsock connection from the guest as proof of anything.
 */
export const defaultProfile: readonly SeccompRule[] = [
  {
    syscalls: ['socket'],
    when: [
      { argument: 0, is: 'below', value: 12 },
      ...socketFamilies.map((value) => ({ argument: 0, is: 'equal' as const, value })),
    ],
  },
  {
    syscalls: ['personality'],
    when: [0, 8, 0x2_0000, 0x2_0008, 0xffff_ffff].map((value) => ({
      argument: 0,
      is: 'equal' as const,
      value,
    })),
  },
  { syscalls: ['modify_ldt'] },
  { syscalls: ['open_by_handle_at'], capabilities: ['CAP_DAC_READ_SEARCH'] },
  {
    syscalls: [
      'bpf',
      'clone',
      'clone3',
      'fanotify_init',
      'fsconfig',
      'fsmount',
      'fsopen',
      'fspick',
      'lookup_dcookie',
      'lsm_get_self_attr',
      'lsm_list_modules',
      'lsm_set_self_attr',
      'mount',
      'mount_setattr',
      'move_mount',
      'open_tree',
      'perf_event_open',
      'quotactl',
      'quotactl_fd',
      'setdomainname',
      'sethostname',
      'setns',
      'syslog',
      'umount',
      'umount2',
      'unshare',
    ],
    capabilities: ['CAP_SYS_ADMIN'],
  },
  { syscalls: ['clone'], when: [{ argument: 0, is: 'clear', mask: cloneNamespaces }] },
  // glibc falls back to clone, whose flags a filter can see.
  { syscalls: ['clone3'], errno: ENOSYS },
  { syscalls: ['reboot'], capabilities: ['CAP_SYS_BOOT'] },
  { syscalls: ['chroot'], capabilities: ['CAP_SYS_CHROOT'] },
  {
    syscalls: ['delete_module', 'init_module', 'finit_module'],
    capabilities: ['CAP_SYS_MODULE'],
  },
  { syscalls: ['acct'], capabilities: ['CAP_SYS_PACCT'] },
  { syscalls: ['kcmp', 'pidfd_getfd', 'process_madvise'], capabilities: ['CAP_SYS_PTRACE'] },
  { syscalls: ['iopl', 'ioperm'], capabilities: ['CAP_SYS_RAWIO'] },
  {
    syscalls: ['settimeofday', 'stime', 'clock_settime', 'clock_settime64'],
    capabilities: ['CAP_SYS_TIME'],
  },
  { syscalls: ['vhangup'], capabilities: ['CAP_SYS_TTY_CONFIG'] },
  {
    syscalls: ['get_mempolicy', 'mbind', 'set_mempolicy', 'set_mempolicy_home_node'],
    capabilities: ['CAP_SYS_NICE'],
  },
  { syscalls: ['syslog'], capabilities: ['CAP_SYSLOG'] },
  { syscalls: ['bpf'], capabilities: ['CAP_BPF'] },
  { syscalls: ['perf_event_open'], capabilities: ['CAP_PERFMON'] },
]
