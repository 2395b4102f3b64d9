import type { ContainerSummary } from '../../client/types.ts'
import type { Project } from '../project.ts'
import { serviceHash } from '../render.ts'
import type { ServiceConfig } from '../service.ts'
import { createContainer } from './create-container.ts'
import type { Creation } from './creation.ts'
import { inDependencyOrder } from './dependency-order.ts'
import { ensureImages, type ImageOptions, type ServiceImage } from './images.ts'
import { REPLACE } from './labels.ts'
import { linksOf } from './links.ts'
import { ensureNetworks } from './networks.ts'
import { isOneOff, nameOf, numberOf, observe, ofService, serviceOf } from './observed.ts'
import { containerName, planService, scaleOf, type RecreatePolicy } from './plan.ts'
import { resolveReferences } from './references.ts'
import type { Session } from './session.ts'
import { removeContainers, stopContainers } from './stop.ts'
import { ensureVolumes } from './volumes.ts'

export interface ApplyOptions {
  readonly images: ImageOptions
  /** Services asked for by name; all when empty. Others are their dependencies. */
  readonly services: readonly string[]
  readonly recreate: RecreatePolicy
  readonly recreateDependencies: RecreatePolicy
  /** Whether anonymous volumes go on in what is made anew. */
  readonly inherit: boolean
  readonly removeOrphans: boolean
  readonly ignoreOrphans: boolean
  /** Seconds, for those to be stopped. */
  readonly timeout?: number | undefined
  readonly replaceDivergedVolumes: boolean
  /** Every service of the files: what belongs to none is an orphan. */
  readonly known: readonly string[]
}

/** Make a project's containers, networks and volumes as its files say, without starting anything. */
export async function apply(
  session: Session,
  project: Project,
  options: ApplyOptions,
): Promise<void> {
  const images = await ensureImages(session, project, options.images)
  const networks = await ensureNetworks(session, project)
  const volumes = await ensureVolumes(session, project, {
    replaceDiverged: options.replaceDivergedVolumes,
  })
  const all = await observe(session.client, project.name, { oneOff: true }, session.signal)
  await handleOrphans(session, all, options)
  const observed = new Map(
    Object.keys(project.services).map((name) => [name, ofService(all, name)]),
  )
  await inDependencyOrder(project, 'up', async (name, configured) => {
    const service = resolveReferences(configured, observed)
    const hash = await serviceHash(service)
    const image = images.get(name) ?? { id: '', volumes: [] }
    const asked = options.services.length === 0 || options.services.includes(name)
    const scale = scaleOf(name, configured)
    const containers = observed.get(name) ?? []
    const plan = planService(
      { service, hash, image: image.id, scale, networks, volumes },
      containers,
      asked ? options.recreate : options.recreateDependencies,
    )
    if (plan.recreate.length > 0) await stopDependents(session, project, name, observed, options)
    const make = new Maker(session, project, name, service, hash, image, observed)
    const [created, recreated] = await Promise.all([
      Promise.all(plan.create.map((number) => make.create(number))),
      Promise.all(plan.recreate.map((container) => make.replace(container, options))),
      removeContainers(session, plan.remove, { timeout: options.timeout, service }),
    ])
    for (const container of plan.keep)
      if (container.State === 'running')
        session.progress.event(`Container ${nameOf(container)}`, 'done', 'Running')
    observed.set(name, [...plan.keep, ...recreated, ...created])
  })
}

async function handleOrphans(
  session: Session,
  containers: readonly ContainerSummary[],
  { removeOrphans, ignoreOrphans, known }: ApplyOptions,
): Promise<void> {
  const orphans = orphansAmong(containers, known)
  if (orphans.length === 0 || (ignoreOrphans && !removeOrphans)) return
  if (removeOrphans) await removeContainers(session, orphans, {})
  else {
    session.warn(
      `Found orphan containers ([${orphans.map(nameOf).join(' ')}]) for this project. If you removed or renamed this service in your compose file, you can run this command with the --remove-orphans flag to clean it up.`,
    )
  }
}

/** Of no service, and what `run` has left behind. */
export const orphansAmong = (
  containers: readonly ContainerSummary[],
  known: readonly string[],
): readonly ContainerSummary[] =>
  containers.filter((container) =>
    isOneOff(container)
      ? container.State === 'exited' || container.State === 'dead'
      : !known.includes(serviceOf(container)),
  )

/** Those that are to be restarted with a service stop before it goes. */
async function stopDependents(
  session: Session,
  project: Project,
  name: string,
  observed: Map<string, readonly ContainerSummary[]>,
  { timeout }: ApplyOptions,
): Promise<void> {
  for (const [other, service] of Object.entries(project.services)) {
    if (service.depends_on?.[name]?.restart !== true) continue
    const containers = observed.get(other) ?? []
    await stopContainers(session, containers, { timeout, service })
    observed.set(
      other,
      containers.map((container) => ({ ...container, State: 'exited' })),
    )
  }
}

/** Makes one service's containers. */
class Maker {
  readonly #session: Session
  readonly #base: Pick<Creation, 'project' | 'name' | 'service' | 'hash' | 'image' | 'links'>
  readonly #image: ServiceImage

  constructor(
    session: Session,
    project: Project,
    name: string,
    service: ServiceConfig,
    hash: string,
    image: ServiceImage,
    observed: ReadonlyMap<string, readonly ContainerSummary[]>,
  ) {
    this.#session = session
    this.#image = image
    const links = linksOf(project, service, observed)
    this.#base = { project, name, service, hash, image: image.id, links }
  }

  async create(number: number): Promise<ContainerSummary> {
    const { project, name, service } = this.#base
    const { progress } = this.#session
    const called = containerName(project.name, name, service, number)
    const resource = `Container ${called}`
    progress.event(resource, 'working', 'Creating')
    try {
      const made = await createContainer(
        this.#session,
        { ...this.#base, number, containerName: called },
        called,
      )
      progress.event(resource, 'done', 'Created')
      return made
    } catch (error) {
      progress.event(resource, 'error', error instanceof Error ? error.message : 'Error')
      throw error
    }
  }

  /** The new one is made beside the old one, which then goes: so an error leaves the old one. */
  async replace(old: ContainerSummary, options: ApplyOptions): Promise<ContainerSummary> {
    const { project, name, service } = this.#base
    const { client, progress, signal } = this.#session
    const resource = `Container ${nameOf(old)}`
    const number = numberOf(old)
    const called = containerName(project.name, name, service, number)
    progress.event(resource, 'working', 'Recreate')
    try {
      const temporary = `${old.Id.slice(0, 12)}_${called}`
      const made = await createContainer(
        this.#session,
        {
          ...this.#base,
          number,
          containerName: called,
          labels: { [REPLACE]: service.container_name ?? `${name}-${number}` },
          ...(options.inherit && { inherit: { from: old, imageVolumes: this.#image.volumes } }),
        },
        temporary,
      )
      const { timeout } = options
      await client.containers.stop(old.Id, timeout === undefined ? {} : { timeout }, signal)
      await client.containers.remove(old.Id, {}, signal)
      await client.containers.rename(made.Id, called, signal)
      progress.event(resource, 'done', 'Recreated')
      return { ...made, Names: [`/${called}`] }
    } catch (error) {
      progress.event(resource, 'error', error instanceof Error ? error.message : 'Error')
      throw error
    }
  }
}
