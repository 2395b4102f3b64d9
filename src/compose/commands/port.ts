import type { ContainerSummary } from '../../client/types.ts'
import { atLeast, ExitError } from '../../kit/command.ts'
import { flag } from '../../kit/flags.ts'
import type { ComposeCommand } from '../compose-command.ts'
import { isOneOff, nameOf, numberOf, observe, serviceOf } from '../converge/observed.ts'

export const port: ComposeCommand = {
  usage: '[OPTIONS] SERVICE PRIVATE_PORT',
  summary: 'Print the public port for a port binding',
  args: atLeast(2),
  flags: [
    flag('--index', 'int', 'Index of the container if service has multiple replicas', {
      initial: '0',
    }),
    flag('--protocol', 'string', 'tcp or udp', { initial: 'tcp' }),
  ],
  async run({ args, client, flags, out, project, signal }) {
    const [service = '', text = ''] = args
    const wanted = portNumber(text)
    const protocol = flags.text('protocol').toLowerCase()
    const index = flags.number('index')
    const { name } = await project()
    const containers = await observe(client, name, { oneOff: true, all: false }, signal)
    const [container] = containers
      .filter((one) => serviceOf(one) === service && (index <= 0 || numberOf(one) === index))
      .toSorted(
        (left, right) =>
          Number(isOneOff(left)) - Number(isOneOff(right)) || numberOf(left) - numberOf(right),
      )
    if (!container) {
      const which = index > 0 ? ` container #${index}` : ''
      throw new ExitError(1, `service ${JSON.stringify(service)} is not running${which}`)
    }
    await out.line(published(container, wanted, protocol))
    return 0
  },
}

/** strconv.ParseUint of 16 bits. */
function portNumber(text: string): number {
  const reason = /^\d+$/.test(text)
    ? Number(text) > 65_535 && 'value out of range'
    : 'invalid syntax'
  if (reason !== false)
    throw new ExitError(1, `strconv.ParseUint: parsing ${JSON.stringify(text)}: ${reason}`)
  return Number(text)
}

function published(container: ContainerSummary, wanted: number, protocol: string): string {
  const ports = container.Ports ?? []
  const found = ports.find(({ PrivatePort, Type }) => PrivatePort === wanted && Type === protocol)
  if (found) return `${found.IP ?? ''}:${found.PublicPort ?? 0}`
  const others = ports.map(({ PublicPort, Type }) => `${PublicPort ?? 0}/${Type}`)
  throw new ExitError(
    1,
    `no port ${wanted}/${protocol} for container ${nameOf(container)}: ${others.join(', ')}`,
  )
}
