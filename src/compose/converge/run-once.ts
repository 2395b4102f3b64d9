import type { Labels } from '../../core/engine-api.ts'
import type { Project } from '../project.ts'
import { serviceHash } from '../render.ts'
import type { ServiceConfig } from '../service.ts'
import { apply, type ApplyOptions } from './apply.ts'
import { createContainer } from './create-container.ts'
import { ensureImages } from './images.ts'
import { injectFiles } from './inject-files.ts'
import { ONEOFF, SLUG } from './labels.ts'
import { linksOf } from './links.ts'
import { observe, ofService } from './observed.ts'
import { resolveReferences } from './references.ts'
import type { Session } from './session.ts'
import { awaitDependencies, start } from './start.ts'

export interface OneOff {
  readonly service: string
  /** As it is run: with what the command line changes. */
  readonly config: ServiceConfig
  /** The container's; the project's and a random word when undefined. */
  readonly name: string | undefined
  readonly autoRemove: boolean
  readonly attachStdin: boolean
  readonly aliases: boolean
}

/**
 * Make a service's container for one command, when what it depends on runs (pkg/compose/run.go, prepareRun).
 * @param project that service and what it needs, without what the command line changes
 * @returns the id; it is not started
 */
export async function createOneOff(
  session: Session,
  project: Project,
  oneOff: OneOff,
  options: ApplyOptions,
): Promise<string> {
  const { service: name, autoRemove, attachStdin, aliases } = oneOff
  const dependencies = Object.fromEntries(
    Object.entries(project.services).filter(([other]) => other !== name),
  )
  const others = { ...project, services: dependencies }
  await apply(session, others, options)
  if (Object.keys(dependencies).length > 0) await start(session, others, { wait: false })
  const only = { ...project, services: { [name]: oneOff.config } }
  const image = (await ensureImages(session, only, options.images)).get(name)
  const all = await observe(session.client, project.name, { oneOff: true }, session.signal)
  await awaitDependencies(session, project, name, all)
  const observed = new Map(
    Object.keys(project.services).map((other) => [other, ofService(all, other)]),
  )
  const slug = randomSlug()
  const called = oneOff.name ?? `${project.name}-${name}-run-${slug.slice(0, 12)}`
  const service = resolveReferences(withoutRestart(oneOff.config, called), observed)
  const labels: Labels = { [SLUG]: slug, [ONEOFF]: 'True' }
  const { Id } = await createContainer(
    session,
    {
      project,
      name,
      service,
      hash: await serviceHash(service),
      image: image?.id ?? '',
      number: 0,
      containerName: called,
      links: linksOf(project, service, observed),
      labels,
      attachStdin,
      autoRemove,
      aliases,
    },
    called,
  )
  await injectFiles(session, project, service, Id)
  return Id
}

/** 32 bytes in hexadecimal. */
const randomSlug = (): string =>
  [...crypto.getRandomValues(new Uint8Array(32))]
    .map((byte) => byte.toString(16).padStart(2, '0'))
    .join('')

function withoutRestart(config: ServiceConfig, container_name: string): ServiceConfig {
  const { restart: _, deploy, ...service } = config
  if (!deploy) return { ...service, container_name, scale: 1 }
  const { restart_policy: __, ...rest } = deploy
  return { ...service, container_name, scale: 1, deploy: rest }
}
