import type { EndpointSettings } from '../../core/engine-api.ts'
import type { Flags } from '../../kit/flags.ts'

type Endpoint = Partial<EndpointSettings>

interface NetworkOption {
  readonly name: string
  readonly aliases: string[]
  readonly ip?: string | undefined
  readonly ip6?: string | undefined
  readonly mac?: string | undefined
  readonly linkLocal: string[]
  readonly driverOptions: Record<string, string>
}

/**
 * The networks of a container: the first one names its mode.
 * @throws Error in Docker's words
 */
export function networksOf(flags: Flags): {
  readonly mode: string
  readonly endpoints: Readonly<Record<string, Endpoint>>
} {
  const options = flags.list('network').map(parseNetwork)
  const names = options.map(({ name }) => name)
  const mode = names[0] ?? 'default'
  const first = options[0] ?? { name: mode, aliases: [], linkLocal: [], driverOptions: {} }
  const all = [withFlags(first, flags), ...options.slice(1)]
  const endpoints: Record<string, Endpoint> = {}
  for (const option of all) {
    const endpoint = endpointOf(option)
    if (endpoint !== undefined || names.length > 1) endpoints[option.name] = endpoint ?? {}
  }
  return { mode, endpoints }
}

/** `--ip` and the like belong to the first network. */
const withFlags = (option: NetworkOption, flags: Flags): NetworkOption => ({
  ...option,
  aliases: [...option.aliases, ...flags.list('network-alias')],
  ip: flags.given('ip') ?? option.ip,
  ip6: flags.given('ip6') ?? option.ip6,
  mac: flags.given('mac-address') ?? option.mac,
  linkLocal: [...option.linkLocal, ...flags.list('link-local-ip')],
})

function endpointOf({
  aliases,
  ip,
  ip6,
  mac,
  linkLocal,
  driverOptions,
}: NetworkOption): Endpoint | undefined {
  const addresses = {
    ...(ip !== undefined && { IPv4Address: ip }),
    ...(ip6 !== undefined && { IPv6Address: ip6 }),
    ...(linkLocal.length > 0 && { LinkLocalIPs: linkLocal }),
  }
  const endpoint: Endpoint = {
    ...(Object.keys(addresses).length > 0 && { IPAMConfig: addresses }),
    ...(aliases.length > 0 && { Aliases: aliases }),
    ...(mac !== undefined && { MacAddress: mac }),
    ...(Object.keys(driverOptions).length > 0 && { DriverOpts: driverOptions }),
  }
  return Object.keys(endpoint).length > 0 ? endpoint : undefined
}

/** `name`, or `name=net,alias=a,ip=…` */
function parseNetwork(text: string): NetworkOption {
  const option = {
    name: text,
    aliases: [] as string[],
    linkLocal: [] as string[],
    driverOptions: {} as Record<string, string>,
  }
  if (!text.includes('=')) return option
  const single: { ip?: string; ip6?: string; mac?: string } = {}
  let name = ''
  for (const part of text.split(',')) {
    const [key = '', ...rest] = part.split('=')
    const value = rest.join('=')
    switch (key.trim().toLowerCase()) {
      case 'name':
        name = value
        break
      case 'alias':
        option.aliases.push(value)
        break
      case 'ip':
        single.ip = value
        break
      case 'ip6':
        single.ip6 = value
        break
      case 'mac-address':
        single.mac = value
        break
      case 'link-local-ip':
        option.linkLocal.push(value)
        break
      case 'driver-opt': {
        const [field = '', ...setting] = value.split('=')
        option.driverOptions[field] = setting.join('=')
        break
      }
      default:
        throw new Error(`invalid field ${key}`)
    }
  }
  if (name === '') throw new Error('network name/id is not specified')
  return { ...option, ...single, name }
}
