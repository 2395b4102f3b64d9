import type { Invocation } from '../kit/command.ts'
import { containerNames, imageNames, networkNames, volumeNames } from './completion-names.ts'

type Ask = (invocation: Invocation) => readonly string[] | Promise<readonly string[]>

const words =
  (...found: readonly string[]): Ask =>
  () =>
    found

const before = (prefix: string, ask: Ask): Ask => {
  return async (invocation) => (await ask(invocation)).map((name) => prefix + name)
}

const all =
  (...asks: readonly Ask[]): Ask =>
  async (invocation) =>
    (await Promise.all(asks.map(async (ask) => ask(invocation)))).flat()

const containers: Ask = (invocation) => containerNames(invocation)
const running: Ask = (invocation) => containerNames(invocation, 'running', 'paused')
const signals = words('HUP', 'INT', 'KILL', 'QUIT', 'STOP', 'TERM', 'USR1', 'USR2')
/** capabilities(7) */
const capabilities = words(
  ...`ALL AUDIT_CONTROL AUDIT_READ AUDIT_WRITE BLOCK_SUSPEND BPF CHECKPOINT_RESTORE CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER
  FSETID IPC_LOCK IPC_OWNER KILL LEASE LINUX_IMMUTABLE MAC_ADMIN MAC_OVERRIDE MKNOD NET_ADMIN NET_BIND_SERVICE NET_BROADCAST
  NET_RAW PERFMON SETFCAP SETGID SETPCAP SETUID SYSLOG SYS_ADMIN SYS_BOOT SYS_CHROOT SYS_MODULE SYS_NICE SYS_PACCT SYS_PTRACE
  SYS_RAWIO SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG WAKE_ALARM`.split(/\s+/),
)

/** What a flag may be given, whatever the command. */
const byFlag: Readonly<Record<string, Ask>> = {
  network: all(networkNames, before('container:', running)),
  'volumes-from': containers,
  link: running,
  pull: words('always', 'missing', 'never'),
  restart: words('always', 'no', 'on-failure', 'unless-stopped'),
  type: words('container', 'image', 'network', 'volume'),
  platform: words('linux/386'),
  progress: words('auto', 'plain', 'quiet', 'rawjson', 'tty'),
  format: words('json', 'table'),
  ipc: all(words('host', 'none', 'private', 'shareable'), before('container:', running)),
  pid: all(words('host'), before('container:', running)),
  uts: words('host'),
  cgroupns: words('host', 'private'),
  signal: signals,
  'stop-signal': signals,
  'cap-add': capabilities,
  'cap-drop': capabilities,
  'security-opt': words('no-new-privileges', 'seccomp='),
  'log-driver': words('json-file', 'local', 'none'),
  'log-level': words('debug', 'error', 'fatal', 'info', 'warn'),
  volume: async (invocation) => (await volumeNames(invocation)).map((name) => `${name}:`),
  mount: words('type=bind,', 'type=tmpfs,', 'type=volume,'),
  env: ({ host }) => Object.keys(host.env),
}

const booleans = words('true', 'false')

/** The filters of each command that has some, by the first of its names (docs.docker.com/reference/cli/docker). */
const filters: Readonly<Record<string, Readonly<Record<string, Ask>>>> = {
  'docker container ls': {
    ancestor: imageNames,
    before: containers,
    exited: words('0', '1', '137'),
    expose: words(),
    health: words('healthy', 'none', 'starting', 'unhealthy'),
    id: words(),
    label: words(),
    name: containers,
    network: networkNames,
    publish: words(),
    since: containers,
    status: words('created', 'dead', 'exited', 'paused', 'removing', 'restarting', 'running'),
    volume: volumeNames,
  },
  'docker image ls': {
    before: imageNames,
    dangling: booleans,
    label: words(),
    reference: imageNames,
    since: imageNames,
  },
  'docker network ls': {
    dangling: booleans,
    driver: words('bridge', 'host', 'null'),
    id: words(),
    label: words(),
    name: networkNames,
    scope: words('local', 'swarm'),
    type: words('builtin', 'custom'),
  },
  'docker volume ls': {
    dangling: booleans,
    driver: words('local'),
    label: words(),
    name: volumeNames,
  },
  'docker system events': {
    container: containers,
    event: words(
      ...`attach commit connect copy create delete destroy detach die disconnect exec_create exec_die exec_start export
      health_status import kill load mount oom pause prune pull push rename resize restart save start stop tag top unmount unpause
      untag update`.split(/\s+/),
    ),
    image: imageNames,
    label: words(),
    network: networkNames,
    type: words('builder', 'container', 'daemon', 'image', 'network', 'volume'),
    volume: volumeNames,
  },
}

/** Of every `prune`. */
const pruneFilters: Readonly<Record<string, Ask>> = { label: words(), until: words('1h', '24h') }

/**
 * What a flag's value may become.
 * @param command the first of the command's names: `docker container ls`
 * @param typed the value so far
 */
export async function flagValues(
  invocation: Invocation,
  command: string,
  flag: string,
  typed: string,
): Promise<readonly string[]> {
  if (flag === 'filter') return filterValues(invocation, command, typed)
  if (flag === 'driver')
    return command.startsWith('docker network') ? ['bridge', 'host', 'none'] : ['local']
  return (await byFlag[flag]?.(invocation)) ?? []
}

async function filterValues(
  invocation: Invocation,
  command: string,
  typed: string,
): Promise<readonly string[]> {
  const known = filters[command] ?? (command.endsWith(' prune') ? pruneFilters : {})
  const equals = typed.indexOf('=')
  if (equals < 0) return Object.keys(known).map((key) => `${key}=`)
  const key = typed.slice(0, equals)
  if (!Object.hasOwn(known, key)) return []
  const values = (await known[key]?.(invocation)) ?? []
  return values.map((value) => `${key}=${value}`)
}
