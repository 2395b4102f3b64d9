import { createApi } from '../../api/handler.ts'
import type { EngineHandler } from '../../core/engine-http.ts'
import { EngineError } from '../../core/error.ts'
import { Resources } from '../../core/resources.ts'
import { createEngine, type Engine } from '../../engine/engine.ts'
import { LogRing } from '../../engine/log-ring.ts'
import { DEFAULT_DISK_SIZE } from '../../machine/blk-device.ts'
import { GuestMachine } from '../../machine/guest-machine.ts'
import type { StorageRoom } from '../../ports/storage-room.ts'
import { checkManifest, digestOf, type SnapshotManifest } from '../../machine/snapshot.ts'
import type { PortPublisher } from '../../ports/port-publisher.ts'
import { CatalogTransport } from '../../storage/catalog.ts'
import { FetchDownloads } from '../../storage/fetch-downloads.ts'
import { FetchTransport } from '../../storage/fetch-transport.ts'
import type { ExportSource } from '../../storage/transfer/export.ts'
import { openRootPack } from '../../storage/root-pack.ts'
import { openIdbStores } from '../../storage/idb/stores.ts'
import { buildInfo } from '../build-info.ts'
import { requestIds } from '../request-ids.ts'
import { watchRoom } from '../watch-room.ts'
import type { Assets, OnProgress } from './assets.ts'
import { browserClock } from './browser-clock.ts'
import { PageRegistries } from './page-registries.ts'
import { NO_RELAY, pageRelay } from './relay.ts'

/** What the snapshot beside the page must be; written into the bundle when it is built. */
declare const SNAPSHOT: SnapshotManifest
/** The same for the pack of the host root. */
declare const ROOT: RootPackManifest

export interface OpenEngineOptions {
  readonly assets: Assets
  readonly engineId: string
  /** Of the snapshot, which is most of the first download. */
  readonly onProgress: OnProgress
  /** Told of the machine as soon as it can be asked for a shell; the stores and the engine follow. */
  readonly onMachine?: (machine: GuestMachine) => void
  /** Opens published ports for the page; without it they are open in the guest alone. */
  readonly ports?: PortPublisher
}

/** What `drydock snapshot` says of the pack. */
interface RootPackManifest {
  readonly bytes: number
  readonly digest: string
}

/** An engine in this worker. Disposing it stops the machine and closes the stores. */
export interface OpenEngine extends AsyncDisposable {
  readonly machine: GuestMachine
  readonly engine: Engine
  readonly handler: EngineHandler
  readonly requestId: () => string
  /** Resolved with the reason when nothing leaves the page, else with undefined. */
  readonly closed: Promise<string | undefined>
  readonly room: StorageRoom
  /** For an export while it goes on. */
  readonly source: ExportSource
  /** Resolves when another tab has the stores. */
  readonly superseded: Promise<void>
}

/**
 * Load, restore, open the stores: everything at once, as each waits for something else.
 * @throws EngineError `unavailable` when a part can't be had
 */
export async function openEngine(options: OpenEngineOptions): Promise<OpenEngine> {
  const { assets, engineId } = options
  await using opening = new Resources()
  const stores = openIdbStores(engineId, { diskSize: DEFAULT_DISK_SIZE, clock: browserClock }).then(
    (opened) => opening.use(opened),
  )
  const pack = loadRootPack(assets)
  const hostRoot = pack.then((bytes) =>
    openRootPack(bytes, assets.catalog, async (digests) => (await stores).openRangeCaches(digests)),
  )
  const state = loadSnapshot(assets, options.onProgress)
  // All are waited for below; a failure of something else first is no reason to shout.
  for (const part of [stores, hostRoot, state]) part.catch(() => undefined)
  const [wasm, { disk, room, superseded }] = await Promise.all([assets.emulator(), stores])
  const log = new LogRing(browserClock)
  const machine: GuestMachine = opening.use(
    new GuestMachine({
      wasm,
      source: { kind: 'snapshot', state },
      clock: browserClock,
      engineId,
      hostname: 'drydock',
      disk,
      hostRoot: hostRoot.then((opened) => {
        machine.trees.add(opened.tree, opened.root)
        return opened
      }),
      log: (line) => log.add(line),
    }),
  )
  const stop = new AbortController()
  opening.defer(() => stop.abort(new Error('the playground was closed')))
  const relay = pageRelay(assets.base, stop.signal)
  machine.networks.connectOutside(relay.egress)
  options.onMachine?.(machine)
  const registry = new CatalogTransport(
    assets.catalog.open,
    new PageRegistries(new FetchTransport(), relay.settings, machine.networks),
  )
  const engine = opening.use(
    await createEngine({
      ...(await stores),
      machine,
      registry,
      downloads: new FetchDownloads(),
      names: relay.names,
      clock: browserClock,
      ...(options.ports ? { ports: options.ports } : {}),
      log,
      version: buildInfo,
      name: 'drydock',
      id: engineId,
    }),
  )
  await state
  watchRoom({ room, disk, machine, context: engine.context, signal: stop.signal })
  const owned = opening.move()
  return {
    machine,
    engine,
    handler: createApi(engine),
    requestId: requestIds(),
    closed: relay.settings().then((found) => (found ? undefined : NO_RELAY)),
    room,
    superseded,
    source: {
      ...(await stores),
      // Without a guest that answers the disk is as after a power cut, which is whole, too.
      sync: () => machine.disk?.sync().catch(() => undefined) ?? Promise.resolve(),
    },
    [Symbol.asyncDispose]: () => owned[Symbol.asyncDispose](),
  }
}

async function loadSnapshot(assets: Assets, onProgress: OnProgress): Promise<ArrayBuffer> {
  const state = await assets.buffer('guest/snapshot.bin', SNAPSHOT.stateBytes, onProgress)
  checkManifest(SNAPSHOT, { state: await digestOf(state) })
  return state
}

async function loadRootPack(assets: Assets): Promise<Uint8Array> {
  const bytes = await assets.buffer('guest/root.bin', ROOT.bytes, () => undefined)
  if ((await digestOf(bytes)) !== ROOT.digest) {
    throw new EngineError(
      'unavailable',
      'The root of the shell is of another build. Reload the page.',
    )
  }
  return new Uint8Array(bytes)
}

/** @throws EngineError `unavailable` */
export function requireBrowser(): void {
  const needs: readonly (readonly [string, unknown])[] = [
    ['WebAssembly', globalThis.WebAssembly],
    ['IndexedDB', globalThis.indexedDB],
    ['Web Locks', globalThis.navigator.locks],
  ]
  const missing = needs.flatMap(([name, value]) => (value === undefined ? [name] : []))
  if (missing.length > 0) {
    throw new EngineError(
      'unavailable',
      `This browser lacks ${missing.join(' and ')}, which Drydock needs.`,
    )
  }
}

/** @throws EngineError `invalid-parameter` */
export function requireEngineId(id: string): void {
  if (/^[A-Za-z0-9-]{1,64}$/.test(id)) return
  throw new EngineError(
    'invalid-parameter',
    'The address names a playground with ?engine= that can have no such name: letters, digits and dashes, at most 64 of them.',
  )
}
