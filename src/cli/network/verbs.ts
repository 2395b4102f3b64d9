import { isNotFound } from '../../client/client-error.ts'
import { atLeast, exactly, ExitError, noArguments, type Command } from '../../kit/command.ts'
import { checkLabel } from '../../kit/create-values.ts'
import { mapOf } from '../../kit/key-values.ts'
import { labelsOf } from '../container/list.ts'
import { filtersOf } from '../../kit/flag-values.ts'
import { flag } from '../../kit/flags.ts'
import { naturally } from '../../kit/human.ts'
import { inspectAll } from '../inspect.ts'
import {
  formatList,
  listFormatFlag,
  objectFormatFlag,
  type ListFormat,
} from '../../kit/list-format.ts'
import type { NetworkResource } from '../../core/engine-api.ts'
import { shortId } from '../../core/short-id.ts'

export const list: Command = {
  usage: '[OPTIONS]',
  summary: 'List networks',
  args: noArguments,
  flags: [
    flag('-f, --filter', 'filter', 'Provide filter values (e.g. "driver=bridge")'),
    listFormatFlag,
    flag('--no-trunc', 'bool', 'Do not truncate the output'),
    flag('-q, --quiet', 'bool', 'Only display network IDs'),
  ],
  async run({ flags, client, out, signal }) {
    const networks = await client.networks.list(filtersOf(flags.list('filter')), signal)
    const sorted = [...networks].sort((left, right) => naturally(left.Name, right.Name))
    const shape = networkFormat(!flags.bool('no-trunc'))
    await out.write(
      formatList(sorted, shape, { format: flags.text('format'), quiet: flags.bool('quiet') }),
    )
    return 0
  },
}

const networkFormat = (truncate: boolean): ListFormat<NetworkResource> => ({
  rowType: '*network.networkContext',
  table: '{{.ID}}\t{{.Name}}\t{{.Driver}}\t{{.Scope}}',
  quiet: '{{.ID}}',
  fields: {
    ID: { header: 'NETWORK ID', value: ({ Id }) => (truncate ? shortId(Id) : Id) },
    Name: { header: 'NAME', value: ({ Name }) => Name },
    Driver: { header: 'DRIVER', value: ({ Driver }) => Driver },
    Scope: { header: 'SCOPE', value: ({ Scope }) => Scope },
    IPv4: { header: 'IPV4', value: ({ EnableIPv4 }) => String(EnableIPv4) },
    IPv6: { header: 'IPV6', value: ({ EnableIPv6 }) => String(EnableIPv6) },
    Internal: { header: 'INTERNAL', value: ({ Internal }) => String(Internal) },
    Labels: { header: 'LABELS', value: ({ Labels }) => labelsOf(Labels) },
    Label: {
      header: '',
      value:
        ({ Labels }) =>
        (name: unknown) =>
          Labels?.[String(name)] ?? '',
    },
    CreatedAt: {
      header: 'CREATED AT',
      value: ({ Created }) => Created.replace('T', ' ').replace(/Z$/, ' +0000 UTC'),
    },
  },
})

export const inspect: Command = {
  usage: '[OPTIONS] NETWORK [NETWORK...]',
  summary: 'Display detailed information on one or more networks',
  args: atLeast(1),
  flags: [objectFormatFlag(), flag('-v, --verbose', 'bool', 'Verbose output for diagnostics')],
  run: (invocation) =>
    inspectAll(invocation, (name) =>
      invocation.client.networks.inspectRaw(
        name,
        invocation.flags.bool('verbose'),
        invocation.signal,
      ),
    ),
}

export const create: Command = {
  usage: '[OPTIONS] NETWORK',
  summary: 'Create a network',
  args: exactly(1),
  flags: [
    flag('--attachable', 'bool', 'Enable manual container attachment'),
    flag('--aux-address', 'map', 'Auxiliary IPv4 or IPv6 addresses used by Network driver', {
      shownInitial: 'map[]',
    }),
    flag('--config-from', 'string', 'The network from which to copy the configuration'),
    flag('--config-only', 'bool', 'Create a configuration only network'),
    flag('-d, --driver', 'string', 'Driver to manage the Network', { initial: 'bridge' }),
    flag('--gateway', 'strings', 'IPv4 or IPv6 Gateway for the master subnet'),
    flag('--ingress', 'bool', 'Create swarm routing-mesh network'),
    flag('--internal', 'bool', 'Restrict external access to the network'),
    flag('--ip-range', 'strings', 'Allocate container ip from a sub-range'),
    flag('--ipam-driver', 'string', 'IP Address Management Driver', { initial: 'default' }),
    flag('--ipam-opt', 'map', 'Set IPAM driver specific options', { shownInitial: 'map[]' }),
    flag('--ipv4', 'bool', 'Enable or disable IPv4 address assignment', { initial: 'true' }),
    flag('--ipv6', 'bool', 'Enable or disable IPv6 address assignment'),
    flag('--label', 'list', 'Set metadata on a network', { check: checkLabel }),
    flag('-o, --opt', 'map', 'Set driver specific options', { shownInitial: 'map[]' }),
    flag('--scope', 'string', "Control the network's scope"),
    flag('--subnet', 'strings', 'Subnet in CIDR format that represents a network segment'),
  ],
  async run({ flags, args, client, out, err, signal }) {
    const gateways = flags.list('gateway')
    const ranges = flags.list('ip-range')
    const auxiliary = mapOf(flags.list('aux-address'))
    const subnets = flags.list('subnet')
    if (subnets.length === 0 && (gateways.length > 0 || ranges.length > 0)) {
      throw new ExitError(
        1,
        `no matching subnet for ${gateways.length > 0 ? `gateway ${gateways[0]}` : `range ${ranges[0]}`}`,
      )
    }
    const { Id, Warning = '' } = await client.networks.create(
      {
        Name: args[0],
        Driver: flags.text('driver'),
        Scope: flags.text('scope'),
        ...(flags.has('ipv4') && { EnableIPv4: flags.bool('ipv4') }),
        ...(flags.has('ipv6') && { EnableIPv6: flags.bool('ipv6') }),
        IPAM: {
          Driver: flags.text('ipam-driver'),
          Options: mapOf(flags.list('ipam-opt')),
          Config: subnets.map((Subnet, at) => ({
            Subnet,
            ...(ranges[at] !== undefined && { IPRange: ranges[at] }),
            ...(gateways[at] !== undefined && { Gateway: gateways[at] }),
            ...(at === 0 && Object.keys(auxiliary).length > 0 && { AuxiliaryAddresses: auxiliary }),
          })),
        },
        Internal: flags.bool('internal'),
        Attachable: flags.bool('attachable'),
        Ingress: flags.bool('ingress'),
        ConfigOnly: flags.bool('config-only'),
        ConfigFrom: flags.has('config-from') ? { Network: flags.text('config-from') } : null,
        Options: mapOf(flags.list('opt')),
        Labels: mapOf(flags.list('label')),
      },
      signal,
    )
    if (Warning !== '') await err.line(`WARNING: ${Warning}`)
    await out.line(Id)
    return 0
  },
}

export const remove: Command = {
  usage: 'NETWORK [NETWORK...]',
  summary: 'Remove one or more networks',
  args: atLeast(1),
  flags: [flag('-f, --force', 'bool', 'Do not error if the network does not exist')],
  async run(invocation) {
    const { client, flags, err, args, out, signal } = invocation
    let failures = 0
    for (const name of args) {
      try {
        await client.networks.remove(name, signal)
        await out.line(name)
      } catch (error) {
        if (flags.bool('force') && isNotFound(error)) continue
        failures++
        await err.line(error instanceof Error ? error.message : String(error))
      }
    }
    if (failures > 0) throw new ExitError(1, 'exit status 1')
    return 0
  },
}

export const connect: Command = {
  usage: '[OPTIONS] NETWORK CONTAINER',
  summary: 'Connect a container to a network',
  args: exactly(2),
  flags: [
    flag('--alias', 'strings', 'Add network-scoped alias for the container'),
    flag('--driver-opt', 'strings', 'driver options for the network'),
    flag(
      '--gw-priority',
      'int',
      'Highest gw-priority provides the default gateway. Accepts positive and negative values.',
    ),
    flag('--ip', 'string', 'IPv4 address (e.g., "172.30.100.104")'),
    flag('--ip6', 'string', 'IPv6 address (e.g., "2001:db8::33")'),
    flag('--link', 'list', 'Add link to another container'),
    flag('--link-local-ip', 'strings', 'Add a link-local address for the container'),
  ],
  async run({ flags, args, client, signal }) {
    const [network = '', container = ''] = args
    const addresses = {
      ...(flags.has('ip') && { IPv4Address: flags.text('ip') }),
      ...(flags.has('ip6') && { IPv6Address: flags.text('ip6') }),
      ...(flags.has('link-local-ip') && { LinkLocalIPs: flags.list('link-local-ip') }),
    }
    const endpoint = {
      IPAMConfig: addresses,
      Links: flags.has('link') ? flags.list('link') : null,
      Aliases: flags.has('alias') ? flags.list('alias') : null,
      DriverOpts: mapOf(flags.list('driver-opt')),
      GwPriority: flags.number('gw-priority'),
    }
    await client.networks.connect(network, container, endpoint, signal)
    return 0
  },
}

export const disconnect: Command = {
  usage: '[OPTIONS] NETWORK CONTAINER',
  summary: 'Disconnect a container from a network',
  args: exactly(2),
  flags: [flag('-f, --force', 'bool', 'Force the container to disconnect from a network')],
  async run({ flags, args, client, signal }) {
    const [network = '', container = ''] = args
    await client.networks.disconnect(network, container, flags.bool('force'), signal)
    return 0
  },
}
