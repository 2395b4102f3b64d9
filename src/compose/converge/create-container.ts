import type { ContainerSummary } from '../../client/types.ts'
import { containerCreate } from './container-create.ts'
import type { Creation } from './creation.ts'
import type { Session } from './session.ts'

/** Make a container. @param name what it is called for now */
export async function createContainer(
  session: Session,
  creation: Creation,
  name: string,
): Promise<ContainerSummary> {
  const { client, signal, warn } = session
  const { platform } = creation.service
  const request = containerCreate(await withProfiles(creation, session))
  const { Id, Warnings } = await client.containers.create(
    request,
    { name, ...(platform !== undefined && { platform }) },
    signal,
  )
  for (const warning of Warnings ?? []) warn(warning)
  return {
    Id,
    Names: [`/${name}`],
    Image: request.Image ?? '',
    ImageID: creation.image,
    Command: '',
    Created: 0,
    Ports: null,
    Labels: request.Labels ?? null,
    State: 'created',
    Status: 'Created',
  }
}

/** A seccomp profile goes to the engine as its text. */
async function withProfiles(creation: Creation, { readFile }: Session): Promise<Creation> {
  const options = creation.service.security_opt
  if (!options) return creation
  const security_opt = await Promise.all(
    options.map(async (option) => {
      const path = /^seccomp[=:](?!unconfined$|builtin$)(.+)$/.exec(option)?.[1]
      if (path === undefined) return option
      const text = await readFile(
        path.startsWith('/') ? path : `${creation.project.workingDirectory}/${path}`,
      )
      return `seccomp=${JSON.stringify(JSON.parse(text))}`
    }),
  )
  return { ...creation, service: { ...creation.service, security_opt } }
}
