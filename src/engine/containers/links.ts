import { EngineError } from '../../core/error.ts'
import { formatAddress } from '../networks/addresses.ts'
import type { Container } from './container.ts'
import type { ContainerSet } from './container-set.ts'
import { isRunning, type ContainerRecord } from './record.ts'
import { splitMode } from './validate-host.ts'

/** A container that another on the default bridge is linked to (`--link`). */
interface Link {
  readonly other: Container
  readonly alias: string
  /** Of the other, in the default bridge. */
  readonly address: string
}

/**
 * The links of a container that starts; on a user's network they are names for the resolver instead.
 * @throws EngineError for a link to what can't be linked to
 */
function linksOf(containers: ContainerSet, record: ContainerRecord): readonly Link[] {
  const [mode] = splitMode(record.hostConfig.NetworkMode)
  if (mode !== 'bridge') return []
  const bridge = containers.networks.get('bridge')
  return (record.hostConfig.Links ?? []).map((link) => {
    const [target = '', given] = link.split(':')
    const other = containers.get(target.replace(/^\//, ''))
    const alias = (given ?? other.name).split('/').at(-1) ?? ''
    if (!isRunning(other.state)) {
      throw new EngineError(
        'conflict',
        `Cannot link to a non running container: /${other.name} AS /${record.name}/${alias}`,
      )
    }
    const address = bridge.endpoints.get(other.id)?.addresses[0]
    if (!address) {
      throw new EngineError(
        'internal',
        `container ${other.id} not attached to default bridge network`,
      )
    }
    return { other, alias, address: formatAddress(address) }
  })
}

/** Lines of /etc/hosts (moby daemon/container_operations_unix.go). */
export const linkLines = (containers: ContainerSet, record: ContainerRecord): string[] =>
  linksOf(containers, record).map(({ other, alias, address }) => {
    const names = [...new Set([alias, other.record.config.Hostname, other.name])]
    return `${address}\t${names.join(' ')}`
  })

/** What links put into the environment (moby daemon/links/links.go, ToEnv). */
export const linkEnvironment = (
  containers: ContainerSet,
  record: ContainerRecord,
): readonly string[] =>
  linksOf(containers, record).flatMap(({ other, alias, address }) => {
    const { config } = other.record
    const name = alias.toUpperCase().replaceAll('-', '_')
    const ports = Object.keys(config.ExposedPorts ?? {})
      .map(parsePort)
      .toSorted((left, right) => left.number - right.number || byTcp(left, right))
    const [first] = ports
    return [
      ...(first ? [`${name}_PORT=${first.protocol}://${address}:${first.number}`] : []),
      ...portLines(name, address, ports),
      `${name}_NAME=/${record.name}/${alias}`,
      ...config.Env.filter((line) => /^(?!HOME=|PATH=)[^=]+=/.test(line)).map(
        (line) => `${name}_ENV_${line}`,
      ),
    ]
  })

interface Port {
  readonly number: number
  readonly protocol: string
}

function parsePort(key: string): Port {
  const [number = '', protocol = 'tcp'] = key.split('/')
  return { number: Number(number), protocol }
}

/** Four lines for each port, and four for each row of ports: behind the port that ends the row, by not being in it. */
function portLines(name: string, address: string, ports: readonly Port[]): string[] {
  const prefixOf = ({ number, protocol }: Port): string =>
    `${name}_PORT_${number}_${protocol.toUpperCase()}`
  const urlOf = ({ number, protocol }: Port): string => `${protocol}://${address}:${number}`
  const sorted = ports.toSorted((left, right) => byTcp(left, right) || left.number - right.number)
  const lines: string[] = []
  let [first, last] = [sorted[0], sorted[0]]
  for (const [index, port] of sorted.entries()) {
    const prefix = prefixOf(port)
    lines.push(
      `${prefix}=${urlOf(port)}`,
      `${prefix}_ADDR=${address}`,
      `${prefix}_PORT=${port.number}`,
      `${prefix}_PROTO=${port.protocol}`,
    )
    if (last?.number === port.number - 1 && last.protocol === port.protocol) {
      last = port
      if (index < sorted.length - 1) continue
    }
    if (first && last && first !== last) {
      lines.push(
        `${prefixOf(first)}_START=${urlOf(first)}`,
        `${prefixOf(first)}_PORT_START=${first.number}`,
        `${prefixOf(first)}_END=${urlOf(last)}`,
        `${prefixOf(first)}_PORT_END=${last.number}`,
      )
    }
    ;[first, last] = [port, port]
  }
  return lines
}

const byTcp = (left: Port, right: Port): number =>
  Number(right.protocol === 'tcp') - Number(left.protocol === 'tcp')
