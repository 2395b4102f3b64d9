import type { EngineHandler } from '../core/engine-http.ts'
import { ApiClient } from './api-client.ts'
import { Builds } from './build.ts'
import { Containers } from './containers.ts'
import { Execs } from './execs.ts'
import { Images } from './images.ts'
import { Networks } from './networks.ts'
import { System } from './system.ts'
import { Volumes } from './volumes.ts'

/** A Docker Engine by its resources, whoever answers. */
export interface DockerClient {
  readonly api: ApiClient
  readonly builds: Builds
  readonly containers: Containers
  readonly execs: Execs
  readonly images: Images
  readonly networks: Networks
  readonly system: System
  readonly volumes: Volumes
}

export function dockerClient(handler: EngineHandler): DockerClient {
  const api = new ApiClient(handler)
  return {
    api,
    builds: new Builds(api),
    containers: new Containers(api),
    execs: new Execs(api),
    images: new Images(api),
    networks: new Networks(api),
    system: new System(api),
    volumes: new Volumes(api),
  }
}
