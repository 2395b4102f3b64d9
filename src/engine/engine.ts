import { Builder } from './build/builder.ts'
import { BuildCache } from './build/cache.ts'
import { CacheMounts } from './build/cache-mounts.ts'
import { Containers } from './containers/containers.ts'
import type { ContainerBrief, Context, EngineOptions } from './context.ts'
import { EventBus } from './events/bus.ts'
import { Execs } from './execs/execs.ts'
import { HealthChecks } from './health/health-checks.ts'
import { Images } from './images/images.ts'
import { LogRing } from './log-ring.ts'
import { Networks } from './networks/networks.ts'
import { System } from './system/system.ts'
import { reconcileDisk } from './volumes/reconcile.ts'
import { Volumes } from './volumes/volumes.ts'

/** A Docker Engine over a machine and stores. Disposing it stops what it does; machine and stores stay their owner's. */
export interface Engine extends AsyncDisposable {
  readonly context: Context
  readonly images: Images
  readonly containers: Containers
  readonly execs: Execs
  readonly networks: Networks
  readonly volumes: Volumes
  readonly builder: Builder
  readonly system: System
}

export async function createEngine(options: EngineOptions): Promise<Engine> {
  const context: Context = {
    ...options,
    events: new EventBus(options.clock),
    log: options.log ?? new LogRing(options.clock),
  }
  // Images and networks are there before the containers, which need both.
  let containers: Containers | undefined
  const briefs = (): readonly ContainerBrief[] => containers?.briefs() ?? []
  const cache = await BuildCache.open(context)
  const cacheMounts = await CacheMounts.open(context)
  const images = await Images.open(context, briefs, cache)
  const networks = await Networks.open(context, briefs)
  const volumes = await Volumes.open(context, () => containers?.volumeUsers() ?? [])
  containers = await Containers.open(context, images, networks, volumes)
  const opened = containers
  // Before the disk is looked at, which loses what nobody names.
  await volumes.complete()
  void reconcileDisk(context, {
    hasContainer: (id) => opened.has(id),
    hasVolume: (name) => volumes.has(name) || cacheMounts.has(name),
  })
  opened.recover()
  const builder = new Builder(context, images, networks, { layers: cache, mounts: cacheMounts })
  const execs = new Execs(containers)
  const health = new HealthChecks(containers, execs)
  return {
    context,
    images,
    containers,
    execs,
    networks,
    volumes,
    builder,
    system: new System(context, images, containers, builder, volumes),
    [Symbol.asyncDispose]: async () => {
      health[Symbol.dispose]()
      await builder[Symbol.asyncDispose]()
      await opened[Symbol.asyncDispose]()
      await images[Symbol.asyncDispose]()
    },
  }
}
