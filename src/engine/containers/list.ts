import { humanDuration } from '../../codec/human-duration.ts'
import { EngineError } from '../../core/error.ts'
import { shortId } from '../../core/short-id.ts'
import type { Filters } from '../filters.ts'
import { parseMoment } from '../moment.ts'
import type { ContainerSet } from './container-set.ts'
import type { Container } from './container.ts'
import { discardContainer } from './discard.ts'
import { mountPoints } from './inspect.ts'
import { endpointsOf, portSummaries } from './network-settings.ts'
import { commandOf, isRunning, type ContainerState } from './record.ts'
import { containerSize, layerSize, type ContainerSize } from './size.ts'
import { parseTime } from './time.ts'

export interface ListOptions {
  /** Stopped ones, too. */
  readonly all: boolean
  /** The newest only; implies `all`. */
  readonly limit?: number
  readonly filters: Filters
  /** With `SizeRw` and `SizeRootFs`. */
  readonly size: boolean
}

const acceptedFilters = [
  'ancestor',
  'before',
  'exited',
  'expose',
  'health',
  'id',
  'is-task',
  'isolation',
  'label',
  'name',
  'network',
  'publish',
  'since',
  'status',
  'volume',
]

const statuses = ['created', 'running', 'paused', 'restarting', 'removing', 'exited', 'dead']

const healths = ['none', 'starting', 'healthy', 'unhealthy']

/** Newest first, as ContainerSummary. */
export async function listContainers(
  containers: ContainerSet,
  options: ListOptions,
): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const { filters, limit } = options
  filters.check(acceptedFilters)
  for (const status of filters.get('status')) {
    if (!statuses.includes(status)) {
      throw new EngineError(
        'invalid-parameter',
        `invalid filter 'status=${status}': invalid value for state (${status}): must be one of ${statuses.join(', ')}`,
      )
    }
  }
  for (const health of filters.get('health')) {
    if (!healths.includes(health)) {
      throw new EngineError(
        'invalid-parameter',
        `invalid filter 'health=${health}': invalid value for health (${health}): must be one of ${healths.join(', ')}`,
      )
    }
  }
  const wanted = await filter(containers, filters)
  // Asking for a state or an exit code means stopped ones as well (moby daemon/list.go).
  const all =
    options.all ||
    (limit ?? 0) > 0 ||
    filters.has('status') ||
    filters.has('exited') ||
    filters.has('before') ||
    filters.has('since')
  const found = newestFirst(containers)
    .filter((container) => (all || isRunning(container.state)) && wanted(container))
    .slice(0, limit !== undefined && limit > 0 ? limit : undefined)
  return Promise.all(found.map((container) => summary(containers, container, options.size)))
}

const newestFirst = (containers: ContainerSet): Container[] =>
  containers.all().sort((left, right) => (left.record.created < right.record.created ? 1 : -1))

async function filter(
  containers: ContainerSet,
  filters: Filters,
): Promise<(container: Container) => boolean> {
  const images = new Set<string>()
  for (const name of filters.get('ancestor')) {
    try {
      images.add((await containers.images.get(name)).id)
    } catch (error) {
      if (!(error instanceof EngineError)) throw error
      images.add('')
    }
  }
  const created = (key: 'before' | 'since'): string[] =>
    filters.get(key).map((name) => containers.get(name).record.created)
  const before = created('before').sort()[0]
  const since = created('since').sort().at(-1)
  const exitCodes = filters.get('exited').map((text) => {
    if (!/^-?\d+$/.test(text)) {
      throw new EngineError(
        'invalid-parameter',
        `invalid filter 'exited=${text}': strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`,
      )
    }
    return Number(text)
  })
  return (container) => {
    const { record, state } = container
    const stopped = !isRunning(state) && state.status !== 'created'
    return (
      filters.prefix('id', container.id) &&
      (filters.pattern('name', `/${container.name}`) || filters.pattern('name', container.name)) &&
      filters.labels(record.config.Labels) &&
      filters.exact('status', state.status) &&
      (images.size === 0 || images.has(record.image)) &&
      (before === undefined || record.created < before) &&
      (since === undefined || record.created > since) &&
      (exitCodes.length === 0 || (stopped && exitCodes.includes(state.exitCode))) &&
      (!filters.has('network') ||
        filters.get('network').some((name) => onNetwork(containers, container, name))) &&
      (!filters.has('volume') ||
        filters
          .get('volume')
          .some((wanted) =>
            (record.mounts ?? []).some(
              ({ name, destination }) => name === wanted || destination === wanted,
            ),
          )) &&
      filters.exact('health', state.health?.Status ?? 'none')
    )
  }
}

function onNetwork(containers: ContainerSet, container: Container, wanted: string): boolean {
  return Object.entries(endpointsOf(containers, container)).some(
    ([name, { NetworkID: id }]) => name === wanted || (id !== '' && id.startsWith(wanted)),
  )
}

async function summary(
  containers: ContainerSet,
  container: Container,
  withSize: boolean,
): Promise<Readonly<Record<string, unknown>>> {
  const { record, state } = container
  const now = containers.context.clock.now()
  return {
    Id: record.id,
    Names: [`/${record.name}`],
    Image: await imageName(containers, container),
    ImageID: record.image,
    Command: commandOf(record.config).map(quoted).join(' '),
    Created: Math.floor(parseTime(record.created) / 1000),
    Ports: portSummaries(containers, container),
    ...(withSize ? sizeView(await containerSize(containers, container)) : {}),
    Labels: record.config.Labels,
    State: state.status,
    Status: statusText(state, now),
    HostConfig: { NetworkMode: record.hostConfig.NetworkMode },
    NetworkSettings: { Networks: endpointsOf(containers, container) },
    Mounts: mountPoints(container),
  }
}

const quoted = (argument: string): string => (argument.includes(' ') ? `'${argument}'` : argument)

/** As the user wrote it; the id when that name is another image's now or none's. */
async function imageName(containers: ContainerSet, container: Container): Promise<string> {
  const { config, image } = container.record
  try {
    const found = await containers.images.get(config.Image)
    return found.id === image ? config.Image : image
  } catch {
    return config.Image.startsWith('sha256:') ? config.Image : image
  }
}

/** Docker leaves out what is 0. */
const sizeView = ({ own, all }: ContainerSize): Readonly<Record<string, number>> => ({
  ...(own > 0 ? { SizeRw: own } : {}),
  ...(all > 0 ? { SizeRootFs: all } : {}),
})

function healthText({ health }: ContainerState): string {
  if (!health) return ''
  return health.Status === 'starting' ? ' (health: starting)' : ` (${health.Status})`
}

/** `Up 3 seconds`, `Exited (0) 2 minutes ago` (moby container/state.go String). */
function statusText(state: ContainerState, now: number): string {
  const since = (time: string): string => humanDuration(now - parseTime(time))
  switch (state.status) {
    case 'running':
      return `Up ${since(state.startedAt)}${healthText(state)}`
    case 'paused':
      return `Up ${since(state.startedAt)} (Paused)`
    case 'restarting':
      return `Restarting (${state.exitCode}) ${since(state.finishedAt)} ago`
    case 'removing':
      return 'Removal In Progress'
    case 'dead':
      return 'Dead'
    case 'created':
      return 'Created'
    case 'exited':
      return `Exited (${state.exitCode}) ${since(state.finishedAt)} ago`
  }
}

/** `containers/prune`: all that are stopped. */
export async function pruneContainers(
  containers: ContainerSet,
  filters: Filters,
): Promise<{
  readonly ContainersDeleted: readonly string[] | null
  readonly SpaceReclaimed: number
}> {
  filters.check(['label', 'label!', 'until'])
  const until = filters
    .get('until')
    .map((text) => parseMoment(text, containers.context.clock.now()))
  const deleted: string[] = []
  let reclaimed = 0
  for (const container of containers.all()) {
    const { config, created } = container.record
    const { status } = container.state
    if (status !== 'created' && status !== 'exited' && status !== 'dead') continue
    if (!filters.labels(config.Labels)) continue
    if (filters.has('label!') && filters.labels(config.Labels, 'label!')) continue
    if (until.some((limit) => parseTime(created) > limit)) continue
    const size = await layerSize(containers, container.id)
    await discardContainer(containers, container)
    reclaimed += size
    deleted.push(container.id)
  }
  containers.context.log.add(`pruned ${deleted.map(shortId).join(' ')}`)
  containers.context.events.publish({
    Type: 'container',
    Action: 'prune',
    Actor: { ID: '', Attributes: { reclaimed: String(reclaimed) } },
  })
  return { ContainersDeleted: deleted.length > 0 ? deleted : null, SpaceReclaimed: reclaimed }
}
