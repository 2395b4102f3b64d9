import type { ContainerBrief, Context, EngineOptions } from './context.ts'
import { EventBus } from './events/bus.ts'
import { Images } from './images/images.ts'
import { LogRing } from './log-ring.ts'
import { Networks } from './networks/networks.ts'
import { System } from './system/system.ts'

/** A Docker Engine over a machine and stores. Disposing it stops what it does; machine and stores stay their owner's. */
export interface Engine extends AsyncDisposable {
  readonly context: Context
  readonly images: Images
  readonly networks: Networks
  readonly system: System
}

export async function createEngine(options: EngineOptions): Promise<Engine> {
  const context: Context = {
    ...options,
    events: new EventBus(options.clock),
    log: new LogRing(options.clock),
  }
  const briefs = (): readonly ContainerBrief[] => []
  const images = await Images.open(context, briefs)
  const networks = await Networks.open(context, briefs)
  return {
    context,
    images,
    networks,
    system: new System(context, images, briefs),
    [Symbol.asyncDispose]: async () => {
      await images[Symbol.asyncDispose]()
    },
  }
}
