import type { PruneReport } from '../client/types.ts'
import { ask } from '../kit/ask.ts'
import { noArguments, type Command, type Invocation } from '../kit/command.ts'
import { filtersOf } from '../kit/flag-values.ts'
import { flag, type Flag } from '../kit/flags.ts'
import { humanSize } from '../kit/human.ts'

const untilFilter = flag('--filter', 'filter', 'Provide filter values (e.g. "until=<timestamp>")')
const labelFilter = (example: string): Flag =>
  flag('--filter', 'filter', `Provide filter values (e.g. "${example}")`)
const forceFlag = flag('-f, --force', 'bool', 'Do not prompt for confirmation')

/** Ask before something is lost. */
export async function confirmed(
  { flags, host, out }: Invocation,
  warning: string,
): Promise<boolean> {
  if (flags.bool('force')) return true
  const answer = await ask(host, out, `${warning}\nAre you sure you want to continue? [y/N] `)
  return /^y$/i.test(answer)
}

const reclaimed = (report: PruneReport): string =>
  `Total reclaimed space: ${humanSize(report.SpaceReclaimed ?? 0, 4)}`

const section = (title: string, lines: readonly string[]): string =>
  lines.length === 0 ? '' : `${title}:\n${lines.join('\n')}\n\n`

const imageLines = ({ ImagesDeleted }: PruneReport): string[] =>
  (ImagesDeleted ?? []).map(({ Untagged, Deleted }) =>
    Untagged === undefined || Untagged === ''
      ? `deleted: ${Deleted ?? ''}`
      : `untagged: ${Untagged}`,
  )

export const pruneContainers: Command = {
  usage: '[OPTIONS]',
  summary: 'Remove all stopped containers',
  args: noArguments,
  flags: [untilFilter, forceFlag],
  async run(invocation) {
    if (!(await confirmed(invocation, 'WARNING! This will remove all stopped containers.')))
      return 0
    const { client, flags, out, signal } = invocation
    const report = await client.containers.prune(filtersOf(flags.list('filter')), signal)
    await out.line(
      section('Deleted Containers', report.ContainersDeleted ?? []) + reclaimed(report),
    )
    return 0
  },
}

const imagesWarning = (all: boolean): string =>
  all ? 'all images without at least one container associated to them' : 'all dangling images'

export const pruneImages: Command = {
  usage: '[OPTIONS]',
  summary: 'Remove unused images',
  args: noArguments,
  flags: [
    flag('-a, --all', 'bool', 'Remove all unused images, not just dangling ones'),
    untilFilter,
    forceFlag,
  ],
  async run(invocation) {
    const { client, flags, out, signal } = invocation
    const all = flags.bool('all')
    if (!(await confirmed(invocation, `WARNING! This will remove ${imagesWarning(all)}.`))) return 0
    const filters = { ...filtersOf(flags.list('filter')), dangling: [String(!all)] }
    const report = await client.images.prune(filters, signal)
    await out.line(section('Deleted Images', imageLines(report)) + reclaimed(report))
    return 0
  },
}

export const pruneNetworks: Command = {
  usage: '[OPTIONS]',
  summary: 'Remove all unused networks',
  args: noArguments,
  flags: [untilFilter, forceFlag],
  async run(invocation) {
    const { client, flags, out, signal } = invocation
    const warning =
      'WARNING! This will remove all custom networks not used by at least one container.'
    if (!(await confirmed(invocation, warning))) return 0
    const report = await client.networks.prune(filtersOf(flags.list('filter')), signal)
    await out.write(section('Deleted Networks', report.NetworksDeleted ?? []))
    return 0
  },
}

export const pruneVolumes: Command = {
  usage: '[OPTIONS]',
  summary: 'Remove unused local volumes',
  args: noArguments,
  flags: [
    flag('-a, --all', 'bool', 'Remove all unused volumes, not just anonymous ones'),
    labelFilter('label=<label>'),
    forceFlag,
  ],
  async run(invocation) {
    const { client, flags, out, signal } = invocation
    const all = flags.bool('all')
    const which = all ? 'all' : 'anonymous'
    if (
      !(await confirmed(
        invocation,
        `WARNING! This will remove ${which} local volumes not used by at least one container.`,
      ))
    )
      return 0
    const filters = { ...filtersOf(flags.list('filter')), ...(all && { all: ['true'] }) }
    const report = await client.volumes.prune(filters, signal)
    await out.line(section('Deleted Volumes', report.VolumesDeleted ?? []) + reclaimed(report))
    return 0
  },
}

export const pruneSystem: Command = {
  usage: '[OPTIONS]',
  summary: 'Remove unused data',
  args: noArguments,
  flags: [
    flag('-a, --all', 'bool', 'Remove all unused images not just dangling ones'),
    labelFilter('label=<key>=<value>'),
    forceFlag,
    flag('--volumes', 'bool', 'Prune anonymous volumes'),
  ],
  async run(invocation) {
    const { client, flags, out, signal } = invocation
    const all = flags.bool('all')
    const volumes = flags.bool('volumes')
    const filters = filtersOf(flags.list('filter'))
    const items = [
      'all stopped containers',
      'all networks not used by at least one container',
      ...(volumes ? ['all anonymous volumes not used by at least one container'] : []),
      imagesWarning(all),
      all ? 'all build cache' : 'unused build cache',
    ]
    const named = Object.entries(filters).flatMap(([name, values]) =>
      values.map((value) => `${name}=${value}`),
    )
    const only =
      named.length === 0
        ? ''
        : `\n  Items to be pruned will be filtered with:\n${named.map((text) => `  - ${text}\n`).join('')}`
    if (
      !(await confirmed(
        invocation,
        `WARNING! This will remove:\n${items.map((item) => `  - ${item}\n`).join('')}${only}`,
      ))
    )
      return 0
    let space = 0
    const show = async (
      report: PruneReport,
      title: string,
      lines: readonly string[],
    ): Promise<void> => {
      space += report.SpaceReclaimed ?? 0
      await out.write(section(title, lines))
    }
    const containers = await client.containers.prune(filters, signal)
    await show(containers, 'Deleted Containers', containers.ContainersDeleted ?? [])
    const networks = await client.networks.prune(filters, signal)
    await show(networks, 'Deleted Networks', networks.NetworksDeleted ?? [])
    if (volumes) {
      const pruned = await client.volumes.prune(filters, signal)
      await show(pruned, 'Deleted Volumes', pruned.VolumesDeleted ?? [])
    }
    const images = await client.images.prune({ ...filters, dangling: [String(!all)] }, signal)
    await show(images, 'Deleted Images', imageLines(images))
    const cache = await client.system.pruneBuildCache(filters, all, signal)
    await show(cache, 'Deleted build cache objects', cache.CachesDeleted ?? [])
    await out.line(`Total reclaimed space: ${humanSize(space, 4)}`)
    return 0
  },
}
