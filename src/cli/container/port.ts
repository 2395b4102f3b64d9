import { between, ExitError, type Command } from '../../kit/command.ts'
import { naturally } from '../../kit/human.ts'
import { hostPort } from '../../kit/ports-text.ts'

export const port: Command = {
  usage: 'CONTAINER [PRIVATE_PORT[/PROTO]]',
  summary: 'List port mappings or a specific mapping for the container',
  args: between(1, 2),
  async run({ args, client, out, signal }) {
    const [name = '', wanted] = args
    const container = await client.containers.inspect(name, signal)
    const ports = container.NetworkSettings?.Ports ?? {}
    const lines: string[] = []
    if (wanted === undefined) {
      for (const [inside, bindings] of Object.entries(ports)) {
        for (const { HostIp = '', HostPort = '' } of bindings ?? []) {
          lines.push(`${inside} -> ${hostPort(HostIp, HostPort)}`)
        }
      }
      lines.sort(naturally)
    } else {
      const [number = '', protocol = 'tcp'] = wanted.split('/')
      if (!/^\d+$/.test(number)) {
        const reason = `strconv.ParseUint: parsing ${JSON.stringify(number)}: invalid syntax`
        throw new ExitError(1, `Error: invalid port (${number}): ${reason}`)
      }
      const bindings = ports[`${number}/${protocol}`] ?? []
      if (bindings.length === 0) {
        throw new ExitError(1, `Error: No public port '${wanted}' published for ${name}`)
      }
      for (const { HostIp = '', HostPort = '' } of bindings) lines.push(hostPort(HostIp, HostPort))
    }
    for (const line of lines) await out.line(line)
    return 0
  },
}
