import type { HostConfig, MountSpec, PortBinding, RestartPolicy } from '../core/host-config.ts'
import { parseBytes, parseInteger } from './flag-values.ts'

/** Values of the flags of `docker run`, in Docker's words when they are wrong (docker/cli opts; docker/go-connections nat). */

export function checkStream(value: string): string {
  const name = value.toLowerCase()
  if (name === 'stdin' || name === 'stdout' || name === 'stderr') return name
  throw new Error('valid streams are STDIN, STDOUT and STDERR')
}

export function checkEnv(value: string): string {
  if (value === '' || value.startsWith('='))
    throw new Error(`invalid environment variable: ${value}`)
  return value
}

export function checkLabel(value: string): string {
  if (value === '' || value.startsWith('='))
    throw new Error(`invalid label format: ${JSON.stringify(value)}`)
  return value
}

export type Ulimit = NonNullable<HostConfig['Ulimits']>[number]

const ulimits = new Set([
  'core',
  'cpu',
  'data',
  'fsize',
  'locks',
  'memlock',
  'msgqueue',
  'nice',
  'nofile',
  'nproc',
  'rss',
  'rtprio',
  'rttime',
  'sigpending',
  'stack',
])

export function parseUlimit(value: string): Ulimit {
  const equals = value.indexOf('=')
  const name = value.slice(0, Math.max(0, equals))
  if (equals < 0) throw new Error(`invalid ulimit argument: ${value}`)
  if (!ulimits.has(name)) throw new Error(`invalid ulimit type: ${name}`)
  const parts = value.slice(equals + 1).split(':')
  const [soft = '', hard = soft] = parts
  if (parts.length > 2 || soft === '')
    throw new Error(
      `too many limit value arguments - ${value.slice(equals + 1)}, can only have up to two, \`soft[:hard]\``,
    )
  const limit = {
    Name: name,
    Soft: parseInteger(soft, 'ParseInt'),
    Hard: parseInteger(hard, 'ParseInt'),
  }
  if (limit.Hard !== -1 && (limit.Soft === -1 || limit.Soft > limit.Hard)) {
    throw new Error(
      `ulimit soft limit must be less than or equal to hard limit: ${limit.Soft} > ${limit.Hard}`,
    )
  }
  return limit
}

export const checkUlimit = (value: string): string => {
  parseUlimit(value)
  return value
}

export function parseRestartPolicy(text: string): RestartPolicy {
  if (text === '') return {}
  const [name = '', count, ...more] = text.split(':')
  if (name === '') throw new Error('invalid restart policy format: no policy provided before colon')
  if (more.length > 0) throw new Error('invalid restart policy format')
  if (count !== undefined && !/^\d+$/.test(count)) {
    throw new Error('invalid restart policy format: maximum retry count must be an integer')
  }
  return { Name: name as NonNullable<RestartPolicy['Name']>, MaximumRetryCount: Number(count ?? 0) }
}

/** `/dev/sda:/dev/xvda:rwm` */
export function parseDevice(text: string): NonNullable<HostConfig['Devices']>[number] {
  const [host = '', second, third, ...more] = text.split(':')
  if (more.length > 0) throw new Error(`invalid device specification: ${text}`)
  const isMode = (value: string | undefined): boolean =>
    value !== undefined && /^[rwm]{1,3}$/.test(value)
  const mode = third ?? (isMode(second) ? second : undefined) ?? 'rwm'
  const inside = second === undefined || (third === undefined && isMode(second)) ? host : second
  if (host === '') throw new Error(`invalid device specification: ${text}`)
  return { PathOnHost: host, PathInContainer: inside, CgroupPermissions: mode }
}

interface Ports {
  readonly exposed: Record<string, object>
  readonly bindings: Record<string, PortBinding[]>
}

/** `127.0.0.1:8080-8081:80-81/tcp`, or the long form with `published=` and `target=`. */
export function parsePorts(specifications: readonly string[], exposes: readonly string[]): Ports {
  const exposed: Record<string, object> = {}
  const bindings: Record<string, PortBinding[]> = {}
  for (const specification of specifications.map(shortForm)) {
    for (const { port, binding } of parsePort(specification)) {
      exposed[port] = {}
      const known = bindings[port] ?? []
      known.push(binding)
      bindings[port] = known
    }
  }
  for (const expose of exposes) {
    if (expose.includes(':')) throw new Error(`invalid port format for --expose: ${expose}`)
    const { range, protocol } = protocolOf(expose)
    const [first, last] = portRange(range, `invalid range format for --expose: ${expose}`)
    for (let port = first; port <= last; port++) exposed[`${port}/${protocol}`] = {}
  }
  return { exposed, bindings }
}

function shortForm(text: string): string {
  if (!text.includes('=')) return text
  const fields = new Map(
    text.split(',').map((part) => [part.split('=')[0] ?? '', part.split('=').slice(1).join('=')]),
  )
  const target = fields.get('target') ?? ''
  const published = fields.get('published')
  const ip = fields.get('host_ip')
  const head = ip === undefined ? '' : `${ip}:`
  return `${head}${published === undefined ? '' : `${published}:`}${target}/${fields.get('protocol') ?? 'tcp'}`
}

function protocolOf(text: string): { range: string; protocol: string } {
  const [range = '', protocol = 'tcp'] = text.split('/')
  if (!['tcp', 'udp', 'sctp'].includes(protocol.toLowerCase()))
    throw new Error(`Invalid proto: ${protocol}`)
  return { range, protocol: protocol.toLowerCase() }
}

function portRange(text: string, message: string): readonly [number, number] {
  const [first = '', last = first, ...more] = text.split('-')
  const number = (part: string): number =>
    /^\d{1,5}$/.test(part) && Number(part) <= 65_535 ? Number(part) : -1
  const range = [number(first), number(last)] as const
  if (more.length > 0 || range[0] < 0 || range[1] < range[0]) throw new Error(message)
  return range
}

function* parsePort(text: string): Generator<{ port: string; binding: PortBinding }> {
  const bracket = /^\[([^\]]*)\](.*)$/.exec(text)
  const parts = (bracket ? (bracket[2] ?? '') : text).split(':')
  if (bracket) parts[0] = bracket[1] ?? ''
  const container = parts.pop() ?? ''
  const host = parts.length > 0 ? (parts.pop() ?? '') : ''
  const ip = parts.join(':')
  if (container === '') throw new Error(`No port specified: ${text}<empty>`)
  if (ip !== '' && !/^[\d.]+$|^[\da-fA-F:.]+$/.test(ip))
    throw new Error(`Invalid ip address: ${ip}`)
  const { range, protocol } = protocolOf(container)
  const [first, last] = portRange(range, `Invalid containerPort: ${range}`)
  const [hostFirst, hostLast] = host === '' ? [0, 0] : portRange(host, `Invalid hostPort: ${host}`)
  if (host !== '' && last - first !== hostLast - hostFirst && last !== first) {
    throw new Error(`Invalid ranges specified for container and host Ports: ${range} and ${host}`)
  }
  for (let at = 0; at <= last - first; at++) {
    const whole = first === last && hostLast > hostFirst ? host : String(hostFirst + at)
    yield {
      port: `${first + at}/${protocol}`,
      binding: { HostIp: ip, HostPort: host === '' ? '' : whole },
    }
  }
}

export const checkMount = (value: string): string => {
  parseMount(value)
  return value
}

export function checkDeviceRule(value: string): string {
  if (!/^[acb] ([0-9]+|\*):([0-9]+|\*) [rwm]{1,3}$/.test(value)) {
    throw new Error(`invalid device cgroup format '${value}'`)
  }
  return value
}

/** `type=bind,source=/a,target=/b,readonly` */
export function parseMount(text: string): MountSpec {
  const fields = new Map<string, string>()
  const labels: Record<string, string> = {}
  const options: Record<string, string> = {}
  for (const part of text.split(',')) {
    const equals = part.indexOf('=')
    const key = (equals < 0 ? part : part.slice(0, equals)).toLowerCase()
    const value = equals < 0 ? 'true' : part.slice(equals + 1)
    const flags = ['readonly', 'ro', 'volume-nocopy', 'bind-nonrecursive']
    if (equals < 0 && !flags.includes(key)) {
      throw new Error(`invalid field '${part}' must be a key=value pair`)
    }
    const [name = '', ...rest] = value.split('=')
    if (key === 'volume-label') labels[name] = rest.join('=')
    else if (key === 'volume-opt') options[name] = rest.join('=')
    else fields.set(names[key] ?? key, value)
  }
  for (const key of fields.keys())
    if (!known.has(key)) throw new Error(`unexpected key '${key}' in '${text}'`)
  // The engine knows which types there are.
  const type = (fields.get('type') ?? 'volume').toLowerCase() as MountSpec['Type']
  const target = fields.get('target')
  if (target === undefined) throw new Error('target is required')
  const yes = (key: string): boolean => /^(1|t|true)$/i.test(fields.get(key) ?? '')
  const source = fields.get('source')
  const propagation = fields.get('bind-propagation')
  const size = fields.get('tmpfs-size')
  const mode = fields.get('tmpfs-mode')
  const driver = fields.get('volume-driver')
  const subpath = fields.get('volume-subpath')
  return {
    Type: type,
    ...(source !== undefined && { Source: source }),
    Target: target,
    ...(yes('readonly') && { ReadOnly: true }),
    ...(fields.has('consistency') && { Consistency: fields.get('consistency') ?? '' }),
    ...((propagation !== undefined || yes('bind-nonrecursive')) && {
      BindOptions: {
        ...(propagation !== undefined && { Propagation: propagation }),
        ...(yes('bind-nonrecursive') && { NonRecursive: true }),
      },
    }),
    ...((yes('volume-nocopy') ||
      driver !== undefined ||
      subpath !== undefined ||
      Object.keys(labels).length > 0 ||
      Object.keys(options).length > 0) && {
      VolumeOptions: {
        ...(yes('volume-nocopy') && { NoCopy: true }),
        ...(Object.keys(labels).length > 0 && { Labels: labels }),
        ...(subpath !== undefined && { Subpath: subpath }),
        ...((driver !== undefined || Object.keys(options).length > 0) && {
          DriverConfig: { Name: driver ?? '', Options: options },
        }),
      },
    }),
    ...((size !== undefined || mode !== undefined) && {
      TmpfsOptions: {
        ...(size !== undefined && { SizeBytes: parseBytes(size) }),
        ...(mode !== undefined && { Mode: Number.parseInt(mode, 8) }),
      },
    }),
  }
}

const names: Readonly<Record<string, string>> = {
  src: 'source',
  dst: 'target',
  destination: 'target',
  ro: 'readonly',
}
const known = new Set([
  'type',
  'source',
  'target',
  'readonly',
  'consistency',
  'bind-propagation',
  'bind-nonrecursive',
  'bind-recursive',
  'volume-nocopy',
  'volume-driver',
  'volume-subpath',
  'image-subpath',
  'tmpfs-size',
  'tmpfs-mode',
])
