import { isConflict, isNotFound } from '../../client/client-error.ts'
import type { ImageInspect } from '../../core/engine-api.ts'
import { canonical, parseReference, withDefaultTag } from '../../core/reference.ts'
import { drainProgress } from '../../kit/progress.ts'
import { imageName } from '../image-name.ts'
import type { Project } from '../project.ts'
import type { ServiceConfig } from '../service.ts'
import type { Session } from './session.ts'

/** What a container needs to know of its image. */
export interface ServiceImage {
  readonly id: string
  /** Where it declares volumes. */
  readonly volumes: readonly string[]
}

export interface ImageOptions {
  /** Makes the images of these services. */
  readonly build: (services: readonly string[]) => Promise<void>
  /** Also those that are there with `--build`, none with `--no-build`; those that are missing else. */
  readonly builds?: 'always' | 'never' | undefined
  /** `--pull`: instead of the services' own. */
  readonly pull?: string | undefined
}

/** See that each service's image is there: built, or pulled as its policy says. By service. */
export async function ensureImages(
  session: Session,
  project: Project,
  options: ImageOptions,
): Promise<ReadonlyMap<string, ServiceImage>> {
  const services = Object.entries(project.services)
  const found = new Map<string, ServiceImage>()
  const toBuild: string[] = []
  const toPull: string[] = []
  await Promise.all(
    services.map(async ([name, service]) => {
      const image = await inspectImage(session, imageName(project, name, service))
      if (image) found.set(name, image)
      const policy = options.pull ?? service.pull_policy ?? 'missing'
      // What is called after its service alone is in no registry.
      if (service.build && options.builds === 'never' && service.image === undefined) return
      const wanted = options.builds === 'always' || policy === 'build' || !image
      if (service.build && options.builds !== 'never' && wanted) toBuild.push(name)
      else if (policy === 'always' || (!image && policy !== 'never' && policy !== 'build'))
        toPull.push(name)
    }),
  )
  const [first] = distinctImages(project, toPull)
  if (first !== undefined) await pullServices(session, project, toPull)
  if (toBuild.length > 0) await options.build(toBuild)
  for (const name of [...toPull, ...toBuild]) {
    const service = project.services[name]
    const image = service && (await inspectImage(session, imageName(project, name, service)))
    if (image) found.set(name, image)
  }
  for (const [name, service] of services)
    if (!found.has(name)) throw new Error(`No such image: ${imageName(project, name, service)}`)
  return found
}

/** One service for each image, as an image is pulled once. */
const distinctImages = (project: Project, names: readonly string[]): readonly string[] => [
  ...new Map(
    names.map((name) => [imageName(project, name, project.services[name] ?? {}), name]),
  ).values(),
]

async function pullServices(
  session: Session,
  project: Project,
  names: readonly string[],
): Promise<void> {
  await Promise.all(
    distinctImages(project, names).map(async (name) => {
      const service = project.services[name]
      if (service) await pullService(session, project, name, service)
    }),
  )
}

/** Pull a service's image and tell of it. @throws ClientError, ExitError */
export async function pullService(
  { client, progress, signal }: Session,
  project: Project,
  name: string,
  service: ServiceConfig,
): Promise<void> {
  const { domain, path, tag, digest } = withDefaultTag(
    parseReference(imageName(project, name, service)),
  )
  progress.event(name, 'working', 'Pulling')
  try {
    const messages = await client.images.pull(
      {
        fromImage: canonical({ domain, path }),
        tag: digest ?? tag ?? '',
        platform: service.platform,
      },
      signal,
    )
    await drainProgress(messages)
    progress.event(name, 'done', 'Pulled')
  } catch (error) {
    progress.event(name, 'error', 'Error')
    throw error
  }
}

export async function inspectImage(
  { client, signal }: Session,
  name: string,
): Promise<ServiceImage | undefined> {
  try {
    const image = (await client.images.inspectRaw(name, signal)) as ImageInspect
    return { id: image.Id, volumes: Object.keys(image.Config.Volumes ?? {}) }
  } catch (error) {
    if (isNotFound(error)) return undefined
    throw error
  }
}

/** `all` that services use, or the `local` ones: those without a name of their own. */
export type ImageChoice = 'all' | 'local'

export async function removeImages(
  { client, progress, signal }: Session,
  project: Project,
  choice: ImageChoice,
): Promise<void> {
  const services = Object.entries(project.services).filter(
    ([, { image }]) => choice === 'all' || image === undefined,
  )
  const names = new Set(services.map(([name, service]) => imageName(project, name, service)))
  await Promise.all(
    [...names].map(async (name) => {
      const resource = `Image ${name}`
      progress.event(resource, 'working', 'Removing')
      try {
        await client.images.remove(name, {}, signal)
        progress.event(resource, 'done', 'Removed')
      } catch (error) {
        if (isConflict(error)) progress.event(resource, 'warning', 'Resource is still in use')
        else if (isNotFound(error))
          progress.event(resource, 'done', 'Warning: No resource found to remove')
        else throw error
      }
    }),
  )
}
