import { EngineError } from '../../core/error.ts'

/** linux/capability.h, by number. */
const allCapabilities: readonly string[] =
  'CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE'
    .split(' ')
    .map((name) => `CAP_${name}`)

/** What Docker gives (moby oci/caps/defaults.go). */
const defaults = new Set(
  'CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP NET_BIND_SERVICE SYS_CHROOT KILL AUDIT_WRITE'
    .split(' ')
    .map((name) => `CAP_${name}`),
)

function normalize(names: readonly string[], option: 'CapAdd' | 'CapDrop'): string[] {
  return names.map((given) => {
    const upper = given.toUpperCase()
    if (upper === 'ALL') return upper
    const name = upper.startsWith('CAP_') ? upper : `CAP_${upper}`
    if (allCapabilities.includes(name)) return name
    throw new EngineError('invalid-parameter', `invalid ${option}: unknown capability: "${name}"`)
  })
}

/**
 * The capabilities of a container (moby oci/caps TweakCapabilities).
 * @throws EngineError `invalid-parameter` for an unknown name
 */
export function containerCapabilities(options: {
  readonly add: readonly string[]
  readonly drop: readonly string[]
  readonly privileged: boolean
}): readonly string[] {
  const add = normalize(options.add, 'CapAdd')
  const drop = normalize(options.drop, 'CapDrop')
  if (options.privileged) return allCapabilities
  const base = add.includes('ALL')
    ? allCapabilities
    : drop.includes('ALL')
      ? []
      : allCapabilities.filter((name) => defaults.has(name))
  return allCapabilities.filter(
    (name) =>
      (base.includes(name) && !drop.includes(name)) || (!add.includes('ALL') && add.includes(name)),
  )
}
