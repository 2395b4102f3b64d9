import { EngineError } from '../../core/error.ts'
import { hex } from '../../core/hex.ts'
import type { EndpointConfig } from '../networks/attachment.ts'
import { checkEndpoint } from '../networks/validate.ts'
import type { CompleteHostConfig } from '../../core/host-config.ts'
import { shortId } from '../../core/short-id.ts'
import type { CreateBody } from './config.ts'
import { Container } from './container.ts'
import type { ContainerSet } from './container-set.ts'
import { parseCreateBody } from './body.ts'
import { mergeConfig } from './config.ts'
import { completeHostConfig } from './host-config.ts'
import { isContainerName, randomName } from './names.ts'
import { commandOf, createdState, recordSchema } from './record.ts'
import { checkConfig } from './validate.ts'
import { splitMode } from './validate-host.ts'
import { settleMounts, wishesOf } from '../volumes/container-mounts.ts'
import type { MountPoint } from '../volumes/mount-point.ts'
import type { VolumeRecord } from '../volumes/volume.ts'
import { stored } from '../volumes/volumes.ts'
import { randomId } from '../random-id.ts'

export interface CreateOptions {
  /** Without it a random one. */
  readonly name?: string
  /** ContainerCreateRequest (Engine API), as it came. */
  readonly body: unknown
  /** `linux/386`; another one is refused. */
  readonly platform?: string
}

export interface CreateResult {
  readonly id: string
  readonly warnings: readonly string[]
}

/** @throws EngineError with Docker's sentences */
export async function createContainer(
  containers: ContainerSet,
  { name, body: given, platform }: CreateOptions,
): Promise<CreateResult> {
  const { clock, machine, name: hostname = 'drydock' } = containers.context
  const body = parseCreateBody(given)
  const id = randomId(clock)
  const hostConfig = completeHostConfig(body.HostConfig)
  const cpus = hostConfig.NanoCpus > 0 ? (await machine.guest.info()).cpus : 1
  checkConfig(mergeConfig(body, {}, ''), hostConfig, cpus)
  if (name !== undefined && name !== '' && !isContainerName(name)) {
    throw new EngineError(
      'invalid-parameter',
      `Invalid container name (${name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`,
    )
  }
  const image = await containers.images.get(body.Image ?? '')
  if (platform && !['linux/386', 'linux/i386', 'linux'].includes(platform)) {
    throw new EngineError(
      'not-found',
      `image with reference ${body.Image} was found but its platform (linux/386) does not match the specified platform (${platform})`,
    )
  }
  const merged = mergeConfig(
    body,
    image.config.config ?? {},
    hostConfig.NetworkMode === 'host' ? hostname : shortId(id),
  )
  const config = shareNames(containers, merged, hostConfig.NetworkMode)
  if (commandOf(config).length === 0) {
    throw new EngineError('invalid-parameter', 'no command specified')
  }
  if (name !== undefined && name !== '') requireFreeName(containers, name)
  const wishes = wishesOf({
    binds: hostConfig.Binds ?? [],
    mounts: hostConfig.Mounts ?? [],
    volumes: Object.keys(config.Volumes ?? {}),
    tmpfs: Object.keys(hostConfig.Tmpfs ?? {}),
    from: mountsFrom(containers, hostConfig.VolumesFrom ?? []),
  })
  const made: VolumeRecord[] = []
  // Whatever is thrown from here on leaves no volume behind.
  let isMade = false
  using _ = {
    [Symbol.dispose]: () => {
      if (!isMade) containers.volumes.abandon(made)
    },
  }
  const mounts =
    wishes.length === 0
      ? []
      : await settleMounts(wishes, containers.volumes, containers.context, made)
  const container = new Container(containers.context, {
    schema: recordSchema,
    id,
    name: chooseName(containers, name),
    created: containers.creationTime(),
    image: image.id,
    config,
    hostConfig,
    endpoints: endpointsFor(containers, body, hostConfig),
    ...(mounts.length > 0 ? { mounts } : {}),
    state: createdState,
    restartCount: 0,
    stoppedByUser: false,
  })
  // From here on the name is taken, before anything is waited for.
  containers.add(container)
  isMade = true
  const isStored = container.update({}, made.map(stored))
  // One that goes with its process needn't outlive the engine's.
  if (!hostConfig.AutoRemove) await isStored
  container.event('create')
  const discarded =
    hostConfig.NetworkMode === 'host' && Object.keys(hostConfig.PortBindings).length > 0
  return {
    id,
    warnings: discarded ? ['Published ports are discarded when using host network mode'] : [],
  }
}

/**
 * `name[:ro|rw]` of `--volumes-from` (moby volume/mounts ParseVolumesFrom).
 * @throws EngineError `internal` as Docker, `invalid-parameter` for no such container
 */
function mountsFrom(containers: ContainerSet, specs: readonly string[]): MountPoint[] {
  return specs.flatMap((spec) => {
    const [name = '', mode = 'rw'] = spec.split(/:(.*)/s)
    if (name === '') {
      throw new EngineError('internal', `malformed volumes-from specification: ${spec}`)
    }
    if (!['ro', 'rw', 'z', 'Z'].includes(mode)) {
      throw new EngineError('internal', `invalid mode: ${mode}`)
    }
    // Were it "not found", clients would pull the image and try again.
    const owner = containers.find(name)
    if (!owner) throw new EngineError('invalid-parameter', `No such container: ${name}`)
    return (owner.record.mounts ?? []).map((mount) => ({
      ...mount,
      writable: mount.writable && mode !== 'ro',
    }))
  })
}

/**
 * Settings by network, the one that the mode names among them.
 * @throws EngineError in Docker's words
 */
function endpointsFor(
  { networks }: ContainerSet,
  body: CreateBody,
  host: CompleteHostConfig,
): Readonly<Record<string, EndpointConfig>> {
  const [mode, target] = splitMode(host.NetworkMode)
  const given = Object.entries(body.NetworkingConfig?.EndpointsConfig ?? {})
  if (mode === 'container') {
    if (target !== '' && (Object.keys(host.PortBindings).length > 0 || host.PublishAllPorts)) {
      throw new EngineError(
        'invalid-parameter',
        'conflicting options: port publishing and the container type network mode',
      )
    }
    return {}
  }
  const nameOf = (name: string): string =>
    networks.all().find((network) => network.id === name || network.name === name)?.name ?? name
  const endpoints = new Map<string, EndpointConfig>([[nameOf(mode), {}]])
  for (const [name, config] of given) {
    const plain = name === 'default' ? 'bridge' : nameOf(name)
    endpoints.set(plain, config ?? {})
  }
  const ofOld = endpoints.get(nameOf(mode))
  if (body.MacAddress && !ofOld?.MacAddress) {
    endpoints.set(nameOf(mode), { ...ofOld, MacAddress: body.MacAddress })
  }
  const userDefined = !['bridge', 'host', 'none'].includes(mode)
  const first = endpoints.get(nameOf(mode)) ?? {}
  if (userDefined && (host.Links ?? []).length > 0 && !first.Links) {
    endpoints.set(nameOf(mode), { ...first, Links: host.Links ?? [] })
  }
  for (const [name, config] of endpoints) {
    const network = networks.all().find((other) => other.name === name)
    if (network) checkEndpoint(network, config, `invalid config for network ${name}: `)
  }
  return Object.fromEntries(endpoints)
}

type Config = ReturnType<typeof mergeConfig>

/** Who joins another's network has its hostname, too. */
function shareNames(containers: ContainerSet, config: Config, network: string): Config {
  const [kind, target] = splitMode(network)
  if (kind === 'container') {
    const other = containers.find(target)
    if (!other) return config
    return {
      ...config,
      Hostname: other.record.config.Hostname,
      Domainname: other.record.config.Domainname,
    }
  }
  return config
}

function chooseName(containers: ContainerSet, wanted: string | undefined): string {
  if (wanted === undefined || wanted === '') {
    for (let retry = 0; retry < 6; retry++) {
      const name = randomName(containers.context.clock, retry)
      if (!containers.byName(name)) return name
    }
    return hex(containers.context.clock.randomBytes(6))
  }
  requireFreeName(containers, wanted)
  return wanted.replace(/^\//, '')
}

/** @throws EngineError `conflict` */
export function requireFreeName(containers: ContainerSet, name: string): void {
  const plain = name.replace(/^\//, '')
  const holder = containers.byName(plain)
  if (!holder) return
  throw new EngineError(
    'conflict',
    `Conflict. The container name "/${plain}" is already in use by container "${holder.id}". You have to remove (or rename) that container to be able to reuse that name.`,
  )
}
