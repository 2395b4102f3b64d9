import type { Context } from '../context.ts'
import type { Images } from '../images/images.ts'
import type { Networks } from '../networks/networks.ts'
import type { Volumes } from '../volumes/volumes.ts'
import { attachClient, type AttachOptions } from './attach.ts'
import type { ClientStream } from './client-stream.ts'
import type { WaitCondition } from './container.ts'
import { ContainerSet } from './container-set.ts'
import { createContainer, type CreateOptions, type CreateResult } from './create.ts'
import { readLogs, type LogOptions } from './logs.ts'
import { recoverContainers } from './recover.ts'
import { removeContainer, type RemoveOptions } from './remove.ts'
import { startContainer } from './start.ts'
import { killContainer, restartContainer, stopContainer, type StopOptions } from './stop.ts'

/** The containers of an engine, and what clients ask of them. */
export class Containers extends ContainerSet {
  /** What the store knows; `recover` brings it up to date. */
  static async open(
    context: Context,
    images: Images,
    networks: Networks,
    volumes: Volumes,
  ): Promise<Containers> {
    const containers = new Containers(context, images, networks, volumes)
    await containers.load()
    return containers
  }

  /** Called once, when all parts of the engine know each other. */
  recover(): void {
    recoverContainers(this)
  }

  create(options: CreateOptions): Promise<CreateResult> {
    return createContainer(this, options)
  }

  start(nameOrId: string, requestId?: string, signal?: AbortSignal): Promise<void> {
    return startContainer(this, this.get(nameOrId), requestId, signal)
  }

  stop(nameOrId: string, options?: StopOptions): Promise<void> {
    return stopContainer(this, this.get(nameOrId), options)
  }

  kill(nameOrId: string, signal: string): Promise<void> {
    return killContainer(this, this.get(nameOrId), signal)
  }

  restart(nameOrId: string, options: StopOptions & { readonly requestId?: string }): Promise<void> {
    return restartContainer(this, this.get(nameOrId), options)
  }

  remove(nameOrId: string, options: RemoveOptions): Promise<void> {
    return removeContainer(this, this.get(nameOrId), options)
  }

  attach(nameOrId: string, options: AttachOptions, signal: AbortSignal): Promise<ClientStream> {
    return attachClient(this, this.get(nameOrId), options, signal)
  }

  wait(nameOrId: string, condition: WaitCondition, signal: AbortSignal): Promise<number> {
    return this.get(nameOrId).wait(condition, signal)
  }

  logs(nameOrId: string, options: LogOptions, signal: AbortSignal): ReadableStream<Uint8Array> {
    return readLogs(this.context, this.get(nameOrId), options, signal)
  }
}
