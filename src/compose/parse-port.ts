import { ComposeError } from './compose-error.ts'
import type { Tree } from './tree.ts'

const range = (text: string, fail: () => never): readonly [number, number] => {
  const [, first, last] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text) ?? fail()
  const start = Number(first)
  const end = Number(last ?? first)
  return start > 65535 || end > 65535 || end < start ? fail() : [start, end]
}

/** `[ADDRESS:][PUBLISHED:]TARGET[/PROTOCOL]` in long form, one entry a port (go-connections, nat.ParsePortSpec). */
export function parsePort(spec: string): Tree[] {
  const [whole, protocol = 'tcp'] = spec.split('/', 2) as [string, string?]
  const at = whole.lastIndexOf(':')
  const containerText = whole.slice(at + 1)
  const before = at < 0 ? '' : whole.slice(0, at)
  const cut = before.endsWith(']') ? before.length : before.lastIndexOf(':')
  const publishedText = cut < 0 ? before : before.slice(cut + 1)
  const address = cut < 0 ? '' : before.slice(0, cut).replaceAll(/^\[|\]$/g, '')
  if (containerText === '') throw new ComposeError(`No port specified: ${spec}<empty>`)
  const [start, end] = range(containerText, () => {
    throw new ComposeError(`Invalid containerPort: ${containerText}`)
  })
  if (address !== '' && !isAddress(address))
    throw new ComposeError(`Invalid ip address: ${address}`)
  if (!['tcp', 'udp', 'sctp'].includes(protocol.toLowerCase())) {
    throw new ComposeError(`Invalid proto: ${protocol}`)
  }
  const published =
    publishedText === ''
      ? undefined
      : range(publishedText, () => {
          throw new ComposeError(`Invalid hostPort: ${publishedText}`)
        })
  // A range for one port lets the engine choose among them.
  const choose = published !== undefined && start === end && published[0] !== published[1]
  if (published && !choose && published[1] - published[0] !== end - start) {
    throw new ComposeError(
      `Invalid ranges specified for container and host Ports: ${containerText} and ${publishedText}`,
    )
  }
  const ports = Array.from({ length: end - start + 1 }, (_, index) => ({
    mode: 'ingress',
    ...(address !== '' && { host_ip: address }),
    target: start + index,
    ...(published && { published: choose ? publishedText : String(published[0] + index) }),
    protocol: protocol.toLowerCase(),
  }))
  // Their keys are sorted as text.
  return ports.toSorted((left, right) => (String(left.target) < String(right.target) ? -1 : 1))
}

export const isAddress = (text: string): boolean =>
  /^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.|$)){4}$/.test(text) || isAddress6(text)

function isAddress6(text: string): boolean {
  if (!/^[0-9a-f:.]+$/i.test(text) || !text.includes(':')) return false
  const halves = text.split('::')
  if (halves.length > 2) return false
  const groups = halves.flatMap((half) => (half === '' ? [] : half.split(':')))
  const size = groups.reduce((sum, group) => sum + (group.includes('.') ? 2 : 1), 0)
  return (
    groups.every((group) => /^[0-9a-f]{1,4}$/i.test(group) || isAddress(group)) &&
    (halves.length === 2 ? size < 8 : size === 8)
  )
}
