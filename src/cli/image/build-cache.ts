import { noArguments, type Command } from '../../kit/command.ts'
import { filtersOf } from '../../kit/flag-values.ts'
import { flag } from '../../kit/flags.ts'
import { humanSize } from '../../kit/human.ts'
import { confirmed } from '../prune.ts'

export const pruneBuilds: Command = {
  usage: '',
  summary: 'Remove build cache',
  args: noArguments,
  flags: [
    flag('-a, --all', 'bool', 'Remove all unused build cache, not just dangling ones'),
    flag('--filter', 'filter', 'Provide filter values (e.g., "until=24h")'),
    flag('-f, --force', 'bool', 'Do not prompt for confirmation'),
    flag('--keep-storage', 'bytes', 'Amount of disk space to keep for cache'),
    flag('--reserved-space', 'bytes', 'Amount of disk space always allowed to keep for cache', {
      alias: 'keep-storage',
      hidden: true,
    }),
  ],
  async run(invocation) {
    const { client, flags, out, signal } = invocation
    const all = flags.bool('all')
    const warning = `WARNING! This will remove all ${all ? 'build' : 'dangling build'} cache.`
    if (!(await confirmed(invocation, warning))) return 0
    const report = await client.builds.prune(
      {
        all,
        keepStorage: flags.has('keep-storage') ? flags.number('keep-storage') : undefined,
        filters: filtersOf(flags.list('filter')),
      },
      signal,
    )
    const deleted = report.CachesDeleted ?? []
    if (deleted.length > 0) {
      await out.write(`Deleted build cache objects:\n${deleted.join('\n')}\n\n`)
    }
    await out.line(`Total reclaimed space: ${humanSize(report.SpaceReclaimed ?? 0, 4)}`)
    return 0
  },
}

/** `buildx du`: what the cache holds (docker/buildx commands/diskusage.go). */
export const buildUsage: Command = {
  usage: '',
  summary: 'Disk usage',
  args: noArguments,
  flags: [flag('--verbose', 'bool', 'Provide a more verbose output')],
  async run({ client, out, signal, flags }) {
    const { BuildCache } = await client.system.diskUsage(signal)
    const records = [...(BuildCache ?? [])].sort((left, right) => right.Size - left.Size)
    if (flags.bool('verbose')) {
      for (const record of records) {
        await out.write(
          `ID:\t\t${record.ID}\nCreated at:\t${record.CreatedAt}\nMutable:\tfalse\nReclaimable:\t${!record.InUse}\n` +
            `Shared:\t\t${record.Shared}\nSize:\t\t${humanSize(record.Size, 4)}\nUsage count:\t${record.UsageCount}\n` +
            `Last used:\t${record.LastUsedAt ?? ''}\nType:\t\t${record.Type}\n\n`,
        )
      }
    } else if (records.length > 0) {
      await out.line('ID\t\t\t\t\t\tRECLAIMABLE\tSIZE\t\tLAST ACCESSED')
      for (const { ID, InUse, Size, LastUsedAt } of records) {
        await out.line(
          `${ID.padEnd(40)}\t${!InUse}\t\t${humanSize(Size, 4)}\t\t${LastUsedAt ?? ''}`,
        )
      }
    }
    const sum = (some: typeof records): string =>
      humanSize(
        some.reduce((total, { Size }) => total + Size, 0),
        4,
      )
    const shared = records.filter(({ Shared }) => Shared)
    if (shared.length > 0) {
      await out.line(`Shared:\t\t${sum(shared)}`)
      await out.line(`Private:\t${sum(records.filter(({ Shared }) => !Shared))}`)
    }
    await out.line(`Reclaimable:\t${sum(records.filter(({ InUse }) => !InUse))}`)
    await out.line(`Total:\t\t${sum(records)}`)
    return 0
  },
}
