import { EngineError } from '../../core/error.ts'
import type { CompleteHostConfig } from '../../core/host-config.ts'
import type { ContainerConfig } from '../containers/config.ts'

/** A port of a container, open on the host. */
export interface PublishedBinding {
  /** `80/tcp` */
  readonly key: string
  readonly protocol: 'tcp' | 'udp'
  readonly containerPort: number
  readonly hostIp: string
  readonly hostPort: number
}

/** What a client asked to publish. */
export interface PortRequest {
  readonly key: string
  readonly protocol: 'tcp' | 'udp'
  readonly containerPort: number
  /** One host port is taken on all of them. */
  readonly hostIps: readonly string[]
  /** The first free of them. */
  readonly hostPorts: readonly [first: number, last: number]
}

/** Where ports come from that nobody asks for by number: Linux's own range. */
const ephemeral = [32_768, 60_999] as const

/** @throws EngineError `invalid-parameter` in Docker's words */
export function portRequests(
  config: ContainerConfig,
  host: CompleteHostConfig,
): readonly PortRequest[] {
  const requests: PortRequest[] = []
  for (const [text, bindings] of Object.entries(host.PortBindings)) {
    const { key, protocol, number } = parsePort(text)
    for (const binding of bindings?.length ? bindings : [{ HostIp: '', HostPort: '' }]) {
      requests.push({
        key,
        protocol,
        containerPort: number,
        hostIps: binding.HostIp ? [binding.HostIp] : ['0.0.0.0', '::'],
        hostPorts: parseRange(binding.HostPort ?? ''),
      })
    }
  }
  if (host.PublishAllPorts) {
    for (const text of Object.keys(config.ExposedPorts ?? {})) {
      const { key, protocol, number } = parsePort(text)
      if (requests.some((request) => request.key === key)) continue
      requests.push({
        key,
        protocol,
        containerPort: number,
        hostIps: ['0.0.0.0', '::'],
        hostPorts: ephemeral,
      })
    }
  }
  // Those who want a certain one go first, or a random one may be theirs.
  const rank = ({ hostPorts }: PortRequest): number => (hostPorts === ephemeral ? 1 : 0)
  return requests.toSorted(
    (left, right) => rank(left) - rank(right) || left.containerPort - right.containerPort,
  )
}

/** `80/tcp`, `80` */
function parsePort(text: string): {
  readonly key: string
  readonly protocol: 'tcp' | 'udp'
  readonly number: number
} {
  const [port = '', given = 'tcp'] = text.split('/')
  const protocol = given.toLowerCase()
  const number = Number(port)
  if (!/^\d+$/.test(port) || number < 1 || number > 65_535) {
    throw new EngineError('invalid-parameter', `invalid port specification: "${text}"`)
  }
  if (protocol !== 'tcp' && protocol !== 'udp') {
    throw new EngineError(
      protocol === 'sctp' ? 'not-implemented' : 'invalid-parameter',
      protocol === 'sctp' ? 'Drydock can not publish SCTP ports' : `invalid proto: ${given}`,
    )
  }
  return { key: `${number}/${protocol}`, protocol, number }
}

function parseRange(text: string): PortRequest['hostPorts'] {
  if (text === '' || text === '0') return ephemeral
  const [, first, last = first] = /^(\d+)(?:-(\d+))?$/.exec(text) ?? []
  const range = [Number(first), Number(last)] as const
  if (first === undefined || range[0] < 1 || range[1] > 65_535 || range[1] < range[0]) {
    throw new EngineError('invalid-parameter', `invalid port specification: "${text}"`)
  }
  return range
}

const wildcard = (ip: string): boolean => ip === '0.0.0.0' || ip === '::'

const clash = (left: string, right: string): boolean =>
  left.includes(':') === right.includes(':') &&
  (left === right || wildcard(left) || wildcard(right))

/** Which of the host's ports are taken by containers. */
export class PortTable {
  readonly #taken: PublishedBinding[] = []

  /**
   * One binding for each address, all of the same port.
   * @param refused ports that turned out not to be free
   * @throws EngineError `internal`, as Docker has it, when it is taken
   */
  take(
    request: PortRequest,
    refused: ReadonlySet<number> = new Set(),
  ): readonly PublishedBinding[] {
    const [first, last] = request.hostPorts
    for (let port = first; port <= last; port++) {
      if (refused.has(port) || this.#isTaken(request, port)) continue
      const bindings = request.hostIps.map((hostIp) => ({
        key: request.key,
        protocol: request.protocol,
        containerPort: request.containerPort,
        hostIp,
        hostPort: port,
      }))
      this.#taken.push(...bindings)
      return bindings
    }
    throw new EngineError(
      'internal',
      first === last
        ? `Bind for ${request.hostIps[0]}:${first} failed: port is already allocated`
        : 'all ports are allocated',
    )
  }

  #isTaken({ protocol, hostIps }: PortRequest, port: number): boolean {
    return this.#taken.some(
      (taken) =>
        taken.hostPort === port &&
        taken.protocol === protocol &&
        hostIps.some((ip) => clash(ip, taken.hostIp)),
    )
  }

  release(bindings: readonly PublishedBinding[]): void {
    for (const binding of bindings) {
      const at = this.#taken.indexOf(binding)
      if (at >= 0) this.#taken.splice(at, 1)
    }
  }
}
