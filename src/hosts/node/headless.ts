import { createApi } from '../../api/handler.ts'
import type { EngineHandler } from '../../core/engine-http.ts'
import { Resources } from '../../core/resources.ts'
import { createEngine, type Engine } from '../../engine/engine.ts'
import { LogRing } from '../../engine/log-ring.ts'
import { GuestMachine } from '../../machine/guest-machine.ts'
import type { StorageRoom } from '../../ports/storage-room.ts'
import type { Egress } from '../../ports/egress.ts'
import { CatalogTransport } from '../../storage/catalog.ts'
import { FetchDownloads } from '../../storage/fetch-downloads.ts'
import type { ExportSource } from '../../storage/transfer/export.ts'
import { FetchTransport } from '../../storage/fetch-transport.ts'
import { openHostRoot } from '../../storage/host-root.ts'
import { buildInfo } from '../build-info.ts'
import { serveGuest } from '../guest-services.ts'
import { serveDocker } from '../guest-cli/serve-docker.ts'
import { withHostName } from '../host-name.ts'
import { noEgress } from '../no-egress.ts'
import { requestIds } from '../request-ids.ts'
import { watchRoom } from '../watch-room.ts'
import { compileEmulator } from './assets.ts'
import { catalogFiles } from './catalog-files.ts'
import { nodeClock } from './clock.ts'
import { engineIdOf } from './data-folder.ts'
import { lockData } from './data-lock.ts'
import { DirectEgress } from './direct-egress.ts'
import { EgressPolicy } from './egress-policy.ts'
import { nodeNames } from './names.ts'
import { NodePorts } from './ports.ts'
import { SharedDirectories } from './shares/shared-directories.ts'
import { ensureSnapshot } from './snapshot-files.ts'
import { readSchema } from './stores/store-schema.ts'
import { openFileStores } from './stores/file-stores.ts'

export interface HeadlessOptions {
  /** Folder of images and records; created when it isn't there. */
  readonly data: string
  /** Directories of this machine that containers may have. */
  readonly share?: readonly string[]
  /** The guest's way to the outside; null: there is none. Default: direct, under the rules of egress-policy.ts. */
  readonly egress?: Egress | null
}

/** An engine in this process. Disposing it stops the machine and closes the stores. */
export interface Headless extends AsyncDisposable {
  readonly machine: GuestMachine
  readonly engine: Engine
  readonly handler: EngineHandler
  readonly requestId: () => string
  readonly room: StorageRoom
  /** For an export while it goes on. */
  readonly source: ExportSource
}

/** @throws EngineError `conflict` when another engine has the folder, `unavailable` when the guest can't be started or a newer version wrote it */
export async function startHeadless({
  data,
  share = [],
  egress,
}: HeadlessOptions): Promise<Headless> {
  const directories = new SharedDirectories(share)
  await using starting = new Resources()
  // Before anything is written there.
  readSchema(data)
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
      shares: directories.files,
      log: (line) => log.add(line),
    }),
  )
  machine.trees.add(hostRoot.tree, hostRoot.root)
  machine.networks.connectOutside(
    egress === null
      ? noEgress('the engine was started with --egress none')
      : (egress ?? new DirectEgress(new EgressPolicy({}))),
  )
  const engine = starting.use(
    await createEngine({
      ...stores,
      machine,
      registry: new CatalogTransport(catalogFiles.open, new FetchTransport()),
      downloads: new FetchDownloads(),
      clock: nodeClock,
      ports: new NodePorts(machine.networks),
      ...(egress !== null && { names: withHostName(nodeNames) }),
      log,
      version: buildInfo,
      name: 'drydock',
      hostPaths: 'client',
      directories,
      id,
    }),
  )
  const { room, disk } = stores
  const handler = createApi(engine)
  const requestId = requestIds()
  const stop = new AbortController()
  starting.defer(() => stop.abort())
  watchRoom({ room, disk, machine, context: engine.context, signal: stop.signal })
  void serveGuest(machine.guest, {
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
    room,
    source: {
      ...stores,
      // Without a guest that answers the disk is as after a power cut, which is whole, too.
      sync: () => machine.disk?.sync().catch(() => undefined) ?? Promise.resolve(),
    },
    [Symbol.asyncDispose]: () => owned[Symbol.asyncDispose](),
  }
}
