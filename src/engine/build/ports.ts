/**
 * EXPOSE's ports as an image's config has them: `80` → `80/tcp`, ranges one by one, sorted (docker/go-connections
 * nat.ParsePortSpecs).
 * @throws Error in its words
 */
export function parsePorts(specs: readonly string[]): readonly string[] {
  const ports = specs.flatMap((spec) => {
    const [range = '', protocol = 'tcp'] = spec.split('/')
    // `8080:80` names a port of the host, which an image can't.
    const container = range.split(':').at(-1) ?? ''
    if (!['tcp', 'udp', 'sctp'].includes(protocol.toLowerCase()))
      throw new Error(`invalid proto: ${protocol}`)
    const [from = '', to = from] = container.split('-')
    const [first, last] = [portOf(from), portOf(to)]
    if (first === undefined || last === undefined)
      throw new Error(`invalid containerPort: ${container}`)
    if (last < first) throw new Error(`invalid range specified for port: ${container}`)
    return Array.from(
      { length: last - first + 1 },
      (_, at) => `${first + at}/${protocol.toLowerCase()}`,
    )
  })
  return [...new Set(ports)].sort((left, right) => (left < right ? -1 : 1))
}

function portOf(text: string): number | undefined {
  const value = Number(text)
  return /^\d+$/.test(text) && value <= 65_535 ? value : undefined
}
