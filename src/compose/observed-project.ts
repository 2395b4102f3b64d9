import type { DockerClient } from '../client/client.ts'
import * as label from './converge/labels.ts'
import { observe, serviceOf } from './converge/observed.ts'
import type { Project } from './project.ts'
import type { ServiceConfig, ServiceDependency } from './service.ts'

/** A project without its files, as the engine knows it: `-p NAME` where no file is (pkg/compose/compose.go, projectFromName). */
export async function observedProject(
  client: DockerClient,
  name: string,
  signal: AbortSignal,
): Promise<Project> {
  const filters = { label: [`${label.PROJECT}=${name}`] }
  const [containers, networks, volumes] = await Promise.all([
    observe(client, name, {}, signal),
    client.networks.list(filters, signal),
    client.volumes.list(filters, signal),
  ])
  const services = new Map<string, ServiceConfig>()
  for (const container of containers) {
    const depends_on = dependencies(container.Labels?.[label.DEPENDS_ON] ?? '')
    const { Image: image } = container
    services.set(serviceOf(container), { command: null, entrypoint: null, image, depends_on })
  }
  const first = containers[0]?.Labels
  return {
    name,
    services: Object.fromEntries(services),
    networks: Object.fromEntries(
      networks.map(({ Name, Labels }) => [Labels[label.NETWORK] ?? Name, { name: Name }]),
    ),
    volumes: Object.fromEntries(
      volumes.map(({ Name, Labels }) => [Labels?.[label.VOLUME] ?? Name, { name: Name }]),
    ),
    secrets: {},
    configs: {},
    models: {},
    extensions: {},
    workingDirectory: first?.[label.WORKING_DIR] ?? '',
    composeFiles: [],
    environment: {},
    profiles: [],
    disabledServices: {},
  }
}

/** `db:service_started:false,…` */
function dependencies(text: string): Readonly<Record<string, ServiceDependency>> {
  return Object.fromEntries(
    text.split(',').flatMap((part): [string, ServiceDependency][] => {
      const [name = '', condition = '', restart = ''] = part.split(':')
      if (name === '') return []
      return [
        [
          name,
          {
            condition: isCondition(condition) ? condition : 'service_started',
            restart: restart === 'true',
            required: false,
          },
        ],
      ]
    }),
  )
}

const isCondition = (text: string): text is ServiceDependency['condition'] =>
  text === 'service_started' ||
  text === 'service_healthy' ||
  text === 'service_completed_successfully'
