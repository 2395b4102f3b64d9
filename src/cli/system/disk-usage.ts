import { shortId } from '../../core/short-id.ts'
import type { BuildCacheRecord, DiskUsage, Volume } from '../../client/types.ts'
import { noArguments, type Command } from '../../kit/command.ts'
import { containerFormat } from '../container/list.ts'
import { flag } from '../../kit/flags.ts'
import { ago, humanSize } from '../../kit/human.ts'
import { imageFormat, rowsOf } from '../image/list.ts'
import { formatList, listFormatFlag, type ListFormat } from '../../kit/list-format.ts'

export const diskUsage: Command = {
  usage: '[OPTIONS]',
  summary: 'Show docker disk usage',
  args: noArguments,
  flags: [
    listFormatFlag,
    flag('-v, --verbose', 'bool', 'Show detailed information on space usage'),
  ],
  async run(invocation) {
    const { flags, client, out, signal } = invocation
    const usage = await client.system.diskUsage(signal)
    if (flags.bool('verbose')) await out.write(detailed(usage))
    else
      await out.write(formatList(summary(usage), summaryFormat, { format: flags.text('format') }))
    return 0
  },
}

interface Summary {
  readonly type: string
  readonly total: number
  readonly active: number
  readonly size: number
  readonly reclaimable: number
  /** Docker shows no part of the build cache. */
  readonly percent: boolean
}

const sum = <T>(items: readonly T[], size: (item: T) => number): number =>
  items.reduce((total, item) => total + Math.max(0, size(item)), 0)

function summary({ LayersSize, Images, Containers, Volumes, BuildCache }: DiskUsage): Summary[] {
  const images = Images ?? []
  const containers = Containers ?? []
  const volumes = Volumes ?? []
  const cache = BuildCache ?? []
  const isActive = ({ State }: { readonly State: string }): boolean =>
    /running|paused|restarting/i.test(State)
  const used = images.filter((image) => image.Containers !== 0 && image.SharedSize >= 0)
  const ownCache = cache.filter(({ Shared }) => !Shared)
  return [
    {
      type: 'Images',
      total: images.length,
      active: images.filter((image) => image.Containers > 0).length,
      size: LayersSize,
      reclaimable: LayersSize - sum(used, (image) => image.Size - image.SharedSize),
      percent: true,
    },
    {
      type: 'Containers',
      total: containers.length,
      active: containers.filter(isActive).length,
      size: sum(containers, ({ SizeRw = 0 }) => SizeRw),
      reclaimable: sum(
        containers.filter((container) => !isActive(container)),
        ({ SizeRw = 0 }) => SizeRw,
      ),
      percent: true,
    },
    {
      type: 'Local Volumes',
      total: volumes.length,
      active: volumes.filter(({ UsageData }) => (UsageData?.RefCount ?? 0) > 0).length,
      size: sum(volumes, ({ UsageData }) => UsageData?.Size ?? 0),
      reclaimable: sum(
        volumes.filter(({ UsageData }) => UsageData?.RefCount === 0),
        ({ UsageData }) => UsageData?.Size ?? 0,
      ),
      percent: true,
    },
    {
      type: 'Build Cache',
      total: cache.length,
      active: cache.filter(({ InUse }) => InUse).length,
      size: sum(ownCache, ({ Size }) => Size),
      reclaimable: sum(
        ownCache.filter(({ InUse }) => !InUse),
        ({ Size }) => Size,
      ),
      percent: false,
    },
  ]
}

const summaryFormat: ListFormat<Summary> = {
  rowType: '*formatter.diskUsageImagesContext',
  table: '{{.Type}}\t{{.TotalCount}}\t{{.Active}}\t{{.Size}}\t{{.Reclaimable}}',
  fields: {
    Type: { header: 'TYPE', value: ({ type }) => type },
    TotalCount: { header: 'TOTAL', value: ({ total }) => String(total) },
    Active: { header: 'ACTIVE', value: ({ active }) => String(active) },
    Size: { header: 'SIZE', value: ({ size }) => humanSize(size, 4) },
    Reclaimable: {
      header: 'RECLAIMABLE',
      value: ({ reclaimable, size, percent }) =>
        humanSize(reclaimable, 4) +
        (percent && size > 0 ? ` (${Math.trunc((reclaimable * 100) / size)}%)` : ''),
    },
  },
}

const volumeFormat: ListFormat<Volume> = {
  rowType: '*formatter.volumeContext',
  table: '{{.Name}}\t{{.Links}}\t{{.Size}}',
  fields: {
    Name: { header: 'VOLUME NAME', value: ({ Name }) => Name },
    Links: {
      header: 'LINKS',
      value: ({ UsageData }) => (UsageData ? String(UsageData.RefCount) : 'N/A'),
    },
    Size: {
      header: 'SIZE',
      value: ({ UsageData }) => (UsageData ? humanSize(UsageData.Size, 4) : 'N/A'),
    },
  },
}

const cacheFormat: ListFormat<BuildCacheRecord> = {
  rowType: '*formatter.buildCacheContext',
  table:
    '{{.ID}}\t{{.CacheType}}\t{{.Size}}\t{{.CreatedSince}}\t{{.LastUsedSince}}\t{{.UsageCount}}\t{{.Shared}}',
  fields: {
    ID: { header: 'CACHE ID', value: ({ ID }) => shortId(ID) },
    CacheType: { header: 'CACHE TYPE', value: ({ Type }) => Type },
    Size: { header: 'SIZE', value: ({ Size }) => humanSize(Size, 3) },
    CreatedSince: {
      header: 'CREATED',
      value: ({ CreatedAt }) => ago(Date.parse(CreatedAt) / 1000),
    },
    LastUsedSince: {
      header: 'LAST USED',
      value: ({ LastUsedAt }) => (LastUsedAt ? ago(Date.parse(LastUsedAt) / 1000) : ''),
    },
    UsageCount: { header: 'USAGE', value: ({ UsageCount }) => String(UsageCount) },
    Shared: { header: 'SHARED', value: ({ Shared }) => String(Shared) },
  },
}

function detailed({ Images, Containers, Volumes, BuildCache }: DiskUsage): string {
  const images = imageFormat(true)
  const uniqueSize = {
    header: 'UNIQUE SIZE',
    value: ({ image }: ReturnType<typeof rowsOf>[number]) =>
      image.SharedSize < 0 ? 'N/A' : humanSize(image.Size - image.SharedSize, 4),
  }
  const sharedSize = {
    header: 'SHARED SIZE',
    value: ({ image }: ReturnType<typeof rowsOf>[number]) =>
      humanSize(Math.max(0, image.SharedSize), 4),
  }
  const imageTable = formatList(
    (Images ?? []).flatMap((image) => rowsOf(image, false)),
    { ...images, fields: { ...images.fields, UniqueSize: uniqueSize, SharedSize: sharedSize } },
    { format: '', table: `${images.table}\t{{.SharedSize}}\t{{.UniqueSize}}\t{{.Containers}}` },
  )
  const containerTable = formatList(
    (Containers ?? []).map((container) => ({ ...container, SizeRootFs: 0 })),
    containerFormat(true),
    {
      format: '',
      table:
        '{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.LocalVolumes}}\t{{.Size}}\t{{.RunningFor}}\t{{.Status}}\t{{.Names}}',
    },
  )
  const cacheSize = sum(
    (BuildCache ?? []).filter(({ Shared }) => !Shared),
    ({ Size }) => Size,
  )
  return `Images space usage:

${imageTable}
Containers space usage:

${containerTable}
Local Volumes space usage:

${formatList(Volumes ?? [], volumeFormat, { format: '' })}
Build cache usage: ${humanSize(cacheSize, 4)}

${formatList(BuildCache ?? [], cacheFormat, { format: '' })}`
}
