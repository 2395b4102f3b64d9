import { isConflict, isNotFound } from '../../client/client-error.ts'
import type { Volume } from '../../client/types.ts'
import type { Project, VolumeConfig } from '../project.ts'
import { volumeHash } from '../render.ts'
import * as label from './labels.ts'
import { observe, serviceOf } from './observed.ts'
import type { Session } from './session.ts'
import { removeContainers } from './stop.ts'

/** Make the volumes that are missing; names by the project's keys. */
export async function ensureVolumes(
  session: Session,
  project: Project,
  options: { readonly replaceDiverged: boolean },
): Promise<ReadonlyMap<string, string>> {
  const { client, signal, warn } = session
  const known = Object.keys(project.volumes).length > 0 ? await client.volumes.list({}, signal) : []
  for (const [key, volume] of Object.entries(project.volumes)) {
    const hash = await volumeHash(volume)
    const found = known.find(({ Name }) => Name === volume.name)
    if (volume.external === true) {
      if (!found) throw new Error(`external volume ${JSON.stringify(volume.name)} not found`)
    } else if (!found) await createVolume(session, project, key, volume, hash)
    else if (diverged(session, project, found, hash)) {
      if (options.replaceDiverged) {
        await removeDiverged(session, project, key, volume)
        await createVolume(session, project, key, volume, hash)
      } else {
        warn(
          `Volume "${volume.name}" exists but doesn't match configuration in compose file. It is kept; --yes recreates it (data will be lost)`,
        )
      }
    }
  }
  return new Map(Object.entries(project.volumes).map(([key, { name }]) => [key, name]))
}

function diverged({ warn }: Session, project: Project, found: Volume, hash: string): boolean {
  const owner = found.Labels?.[label.PROJECT]
  const name = JSON.stringify(found.Name)
  if (owner === undefined) {
    warn(
      `volume ${name} already exists but was not created by Docker Compose. Use \`external: true\` to use an existing volume`,
    )
  } else if (owner !== project.name) {
    warn(
      `volume ${name} already exists but was created for project "${owner}" (expected "${project.name}"). Use \`external: true\` to use an existing volume`,
    )
  }
  const actual = found.Labels?.[label.CONFIG_HASH]
  return actual !== undefined && actual !== hash
}

async function createVolume(
  { client, progress, signal }: Session,
  project: Project,
  key: string,
  volume: VolumeConfig,
  hash: string,
): Promise<void> {
  const resource = `Volume ${volume.name}`
  progress.event(resource, 'working', 'Creating')
  try {
    await client.volumes.create(
      {
        Name: volume.name,
        Driver: volume.driver ?? '',
        DriverOpts: volume.driver_opts ?? null,
        Labels: {
          ...volume.labels,
          [label.VOLUME]: key,
          [label.PROJECT]: project.name,
          [label.VERSION]: label.COMPOSE_VERSION,
          [label.CONFIG_HASH]: hash,
        },
      },
      signal,
    )
    progress.event(resource, 'done', 'Created')
  } catch (error) {
    progress.event(resource, 'error', 'Error')
    throw error
  }
}

async function removeDiverged(
  session: Session,
  project: Project,
  key: string,
  volume: VolumeConfig,
): Promise<void> {
  const { client, signal } = session
  const users = new Set(
    Object.entries(project.services)
      .filter(([, { volumes = [] }]) => volumes.some(({ source }) => source === key))
      .map(([name]) => name),
  )
  const containers = await observe(client, project.name, {}, signal)
  const using = containers.filter((container) => users.has(serviceOf(container)))
  await removeContainers(session, using, {})
  await client.volumes.remove(volume.name, true, signal)
}

/** Remove a volume, unless a container has it. */
export async function removeVolume(
  { client, progress, signal }: Session,
  name: string,
): Promise<void> {
  const resource = `Volume ${name}`
  progress.event(resource, 'working', 'Removing')
  try {
    await client.volumes.remove(name, true, signal)
    progress.event(resource, 'done', 'Removed')
  } catch (error) {
    if (isNotFound(error)) progress.event(resource, 'done', 'Warning: No resource found to remove')
    else if (isConflict(error)) progress.event(resource, 'warning', 'Resource is still in use')
    else throw error
  }
}
