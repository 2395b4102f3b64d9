import type { Project } from '../project.ts'
import { orphansAmong } from './apply.ts'
import { inDependencyOrder, servicesAlone } from './dependency-order.ts'
import { removeImages, type ImageChoice } from './images.ts'
import { removeNetwork } from './networks.ts'
import { observe, ofService } from './observed.ts'
import type { Session } from './session.ts'
import { removeContainers } from './stop.ts'
import { removeVolume } from './volumes.ts'

export interface DownOptions {
  /** Only these; all when empty. */
  readonly services: readonly string[]
  readonly removeOrphans: boolean
  readonly volumes: boolean
  readonly images: ImageChoice | undefined
  /** Seconds. */
  readonly timeout?: number | undefined
}

/** Stop and remove what `up` has made, those that depend on others first. */
export async function down(
  session: Session,
  project: Project,
  options: DownOptions,
): Promise<void> {
  const { client, signal, warn } = session
  const { removeOrphans: oneOff, timeout, volumes } = options
  const containers = await observe(client, project.name, { oneOff }, signal)
  const chosen = servicesAlone(project, options.services)
  await inDependencyOrder(chosen, 'down', (name, service) =>
    removeContainers(session, ofService(containers, name), { timeout, volumes, service }),
  )
  if (options.removeOrphans) {
    const orphans = orphansAmong(containers, Object.keys(project.services))
    await removeContainers(session, orphans, { timeout })
  }
  const networks = Object.entries(project.networks).filter(([, { external }]) => external !== true)
  const owned = Object.values(project.volumes).filter(({ external }) => external !== true)
  const [found] = await Promise.all([
    Promise.all(networks.map(([key, { name }]) => removeNetwork(session, project.name, key, name))),
    options.images && removeImages(session, chosen, options.images),
    volumes && Promise.all(owned.map(({ name }) => removeVolume(session, name))),
  ])
  const nothing = containers.length === 0 && !found.includes(true)
  if (nothing && !volumes && options.images === undefined)
    warn(`Warning: No resource found to remove for project "${project.name}".`)
}
