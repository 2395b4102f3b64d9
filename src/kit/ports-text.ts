import type { Port } from '../client/types.ts'

/** Neighbouring ports as a range, and mappings to other numbers at the end (docker/cli formatter.DisplayablePorts). */
export function portsText(ports: readonly Port[]): string {
  const sorted = [...ports].sort(
    (left, right) =>
      left.PrivatePort - right.PrivatePort ||
      compare(left.IP ?? '', right.IP ?? '') ||
      (left.PublicPort ?? 0) - (right.PublicPort ?? 0) ||
      compare(left.Type, right.Type),
  )
  const groups = new Map<string, { ip: string; type: string; first: number; last: number }>()
  const result: string[] = []
  const mappings: string[] = []
  for (const { IP: ip = '', PrivatePort, PublicPort, Type: type } of sorted) {
    if (ip !== '' && PublicPort !== PrivatePort) {
      mappings.push(`${hostPort(ip, String(PublicPort ?? 0))}->${PrivatePort}/${type}`)
      continue
    }
    const key = `${ip}/${type}`
    const group = groups.get(key)
    if (group && PrivatePort === group.last + 1) group.last = PrivatePort
    else {
      if (group) result.push(rangeOf(group))
      groups.set(key, { ip, type, first: PrivatePort, last: PrivatePort })
    }
  }
  return [...result, ...[...groups.values()].map(rangeOf), ...mappings].join(', ')
}

function rangeOf({
  ip,
  type,
  first,
  last,
}: {
  ip: string
  type: string
  first: number
  last: number
}): string {
  const range = first === last ? String(first) : `${first}-${last}`
  return `${ip === '' ? range : `${hostPort(ip, range)}->${range}`}/${type}`
}

export const hostPort = (ip: string, port: string): string =>
  ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`

const compare = (left: string, right: string): number => (left < right ? -1 : left > right ? 1 : 0)
