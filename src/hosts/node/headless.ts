import { createApi } from '../../api/handler.ts'
import type { EngineHandler } from '../../core/engine-http.ts'
import { Resources } from '../../core/resources.ts'
import { createEngine, type Engine } from '../../engine/engine.ts'
import { LogRing } from '../../engine/log-ring.ts'
import { GuestMachine } from '../../machine/guest-machine.ts'
import { CatalogTransport } from '../../storage/catalog.ts'
import { FetchDownloads } from '../../storage/fetch-downloads.ts'
import { FetchTransport } from '../../storage/fetch-transport.ts'
import { openHostRoot } from '../../storage/host-root.ts'
import { buildInfo } from '../build-info.ts'
import { serveGuest } from '../guest-services.ts'
import { serveDocker } from '../guest-cli/serve-docker.ts'
import { requestIds } from '../request-ids.ts'
import { compileEmulator } from './assets.ts'
import { catalogFiles } from './catalog-files.ts'
import { nodeClock } from './clock.ts'
import { engineIdOf } from './data-folder.ts'
import { lockData } from './data-lock.ts'
import { nodeNames } from './names.ts'
import { NodePorts } from './ports.ts'
import { ensureSnapshot } from './snapshot-files.ts'
import { openFileStores } from './stores/file-stores.ts'

export interface HeadlessOptions {
  /** Folder of images and records; created when it isn't there. */
  readonly data: string
}

/** An engine in this process. Disposing it stops the machine and closes the stores. */
export interface Headless extends AsyncDisposable {
  readonly machine: GuestMachine
  readonly engine: Engine
  readonly handler: EngineHandler
  readonly requestId: () => string
}

/** @throws EngineError `conflict` when another engine has the folder, `unavailable` when the guest can't be started */
export async function startHeadless({ data }: HeadlessOptions): Promise<Headless> {
  await using starting = new Resources()
  starting.use(await lockData(data))
  const id = engineIdOf(data)
  const [wasm, state, hostRoot, stores] = await Promise.all([
    compileEmulator(),
    ensureSnapshot(),
    openHostRoot(catalogFiles),
    openFileStores(data).then((opened) => starting.use(opened)),
  ])
  const log = new LogRing(nodeClock)
  const machine = starting.use(
    new GuestMachine({
      wasm,
      source: { kind: 'snapshot', state },
      clock: nodeClock,
      engineId: id,
      hostname: 'drydock',
      hostRoot,
      disk: stores.disk,
      log: (line) => log.add(line),
    }),
  )
  machine.addTree(hostRoot.tree, hostRoot.root)
  const engine = starting.use(
    await createEngine({
      ...stores,
      machine,
      registry: new CatalogTransport(catalogFiles.open, new FetchTransport()),
      downloads: new FetchDownloads(),
      clock: nodeClock,
      ports: new NodePorts(machine),
      names: nodeNames,
      log,
      version: buildInfo,
      name: 'drydock',
      hostPaths: 'client',
      id,
    }),
  )
  const handler = createApi(engine)
  const requestId = requestIds()
  const stop = new AbortController()
  starting.defer(() => stop.abort())
  void serveGuest(machine, {
    handler,
    requestId,
    docker: (connection) => serveDocker(connection, handler),
    log: (line) => engine.context.log.add(line),
    signal: stop.signal,
  })
  const owned = starting.move()
  return {
    machine,
    engine,
    handler,
    requestId,
    [Symbol.asyncDispose]: () => owned[Symbol.asyncDispose](),
  }
}
