import { API_VERSION, MIN_API_VERSION, type SystemVersion } from '../../core/engine-api.ts'
import { EngineError } from '../../core/error.ts'
import type { GuestInfo } from '../../core/guest-protocol.ts'
import type { Builder } from '../build/builder.ts'
import type { Containers } from '../containers/containers.ts'
import { listContainers } from '../containers/list.ts'
import type { ContainerBrief, Context } from '../context.ts'
import { Filters } from '../filters.ts'
import { STORAGE_DRIVER } from '../images/image.ts'
import type { Images } from '../images/images.ts'
import type { LogLine } from '../log-ring.ts'
import type { Volumes } from '../volumes/volumes.ts'

/** As `uname -m` says in a container. */
const ARCHITECTURE = 'i686'

export interface Diagnostics {
  readonly time: string
  readonly id: string
  readonly version: Context['version']
  /** An error's message when the machine doesn't answer. */
  readonly machine: GuestInfo | string
  readonly kernelLog: string
  readonly containers: readonly ContainerBrief[]
  readonly log: readonly LogLine[]
}

/** What an engine tells of itself. */
export class System {
  readonly #context: Context
  readonly #images: Images
  readonly #containers: Containers
  readonly #builder: Builder
  readonly #volumes: Volumes

  constructor(
    context: Context,
    images: Images,
    containers: Containers,
    builder: Builder,
    volumes: Volumes,
  ) {
    this.#volumes = volumes
    this.#builder = builder
    this.#context = context
    this.#images = images
    this.#containers = containers
  }

  async version(): Promise<SystemVersion> {
    const { version, gitCommit, buildTime } = this.#context.version
    const guest = await this.#guest()
    const kernel = guest instanceof EngineError ? '' : guest.kernel
    return {
      Platform: { Name: 'Drydock' },
      Components: [
        {
          Name: 'Engine',
          Version: version,
          Details: {
            ApiVersion: API_VERSION,
            Arch: '386',
            BuildTime: buildTime,
            Experimental: 'false',
            GitCommit: gitCommit,
            GoVersion: NO_GO,
            KernelVersion: kernel,
            MinAPIVersion: MIN_API_VERSION,
            Os: 'linux',
          },
        },
        ...(guest instanceof EngineError
          ? []
          : [{ Name: 'guestd', Version: guest.build, Details: {} }]),
      ],
      Version: version,
      ApiVersion: API_VERSION,
      MinAPIVersion: MIN_API_VERSION,
      GitCommit: gitCommit,
      GoVersion: NO_GO,
      Os: 'linux',
      Arch: '386',
      KernelVersion: kernel,
      BuildTime: buildTime,
    }
  }

  async info(): Promise<Record<string, unknown>> {
    const { id, name, version, clock, events } = this.#context
    const guest = await this.#guest()
    const lost = guest instanceof EngineError
    const containers = this.#containers.briefs()
    const count = (...states: readonly ContainerBrief['state'][]): number =>
      containers.filter(({ state }) => states.includes(state)).length
    const running = count('running', 'restarting')
    const paused = count('paused')
    return {
      ID: id,
      Containers: containers.length,
      ContainersRunning: running,
      ContainersPaused: paused,
      ContainersStopped: containers.length - running - paused,
      Images: this.#images.count,
      Driver: STORAGE_DRIVER,
      DriverStatus: [
        ['Lower Filesystem', '9p'],
        ['Upper Filesystem', this.#context.machine.disk ? 'ext4' : 'tmpfs'],
        ['Native Overlay Diff', 'true'],
      ],
      Plugins: {
        Volume: this.#context.machine.disk ? ['local'] : [],
        Network: ['bridge', 'host', 'null'],
        Authorization: null,
        Log: ['json-file'],
      },
      MemoryLimit: true,
      SwapLimit: false,
      CpuCfsPeriod: true,
      CpuCfsQuota: true,
      CPUShares: true,
      CPUSet: false,
      PidsLimit: true,
      IPv4Forwarding: true,
      Debug: false,
      NFd: 0,
      OomKillDisable: false,
      NGoroutines: 0,
      SystemTime: new Date(clock.now()).toISOString(),
      LoggingDriver: 'json-file',
      CgroupDriver: 'cgroupfs',
      CgroupVersion: '2',
      NEventsListener: events.listeners,
      KernelVersion: lost ? '' : guest.kernel,
      OperatingSystem: `Drydock ${version.version}`,
      OSVersion: version.version,
      OSType: 'linux',
      Architecture: ARCHITECTURE,
      IndexServerAddress: 'https://index.docker.io/v1/',
      RegistryConfig: {
        InsecureRegistryCIDRs: ['::1/128', '127.0.0.0/8'],
        IndexConfigs: {
          'docker.io': { Name: 'docker.io', Mirrors: [], Secure: true, Official: true },
        },
        Mirrors: null,
      },
      NCPU: lost ? 0 : guest.cpus,
      MemTotal: lost ? 0 : guest.memoryBytes,
      GenericResources: null,
      DockerRootDir: '/var/lib/docker',
      HttpProxy: '',
      HttpsProxy: '',
      NoProxy: '',
      Name: name ?? 'drydock',
      Labels: [],
      ExperimentalBuild: false,
      ServerVersion: version.version,
      Runtimes: { runc: { path: 'guestd' } },
      DefaultRuntime: 'runc',
      Swarm: {
        NodeID: '',
        NodeAddr: '',
        LocalNodeState: 'inactive',
        ControlAvailable: false,
        Error: '',
        RemoteManagers: null,
      },
      LiveRestoreEnabled: false,
      Isolation: '',
      InitBinary: 'docker-init',
      ContainerdCommit: { ID: NOT_AVAILABLE },
      RuncCommit: { ID: NOT_AVAILABLE },
      // docker-init is a part of guestd.
      InitCommit: { ID: lost ? NOT_AVAILABLE : guest.build },
      SecurityOptions: ['name=seccomp,profile=builtin', 'name=cgroupns'],
      CDISpecDirs: [],
      Warnings: [
        ...(lost ? [`WARNING: The machine does not answer: ${guest.message}`] : []),
        ...(this.#context.machine.disk
          ? []
          : ['WARNING: Changes in containers are kept in memory and are lost with the machine']),
      ],
    }
  }

  /** @param wants which of `container`, `image`, `volume`, `build-cache` */
  async diskUsage(
    wants: (type: string) => boolean,
    signal: AbortSignal,
  ): Promise<Record<string, unknown>> {
    const containers = this.#containers.briefs()
    const images = this.#images.list({ filters: new Filters(), sharedSize: true })
    return {
      LayersSize: wants('image') ? this.#images.layersSize : 0,
      Images: wants('image')
        ? images.map((image) => ({
            ...image,
            Containers: containers.filter(({ image: id }) => id === image.Id).length,
          }))
        : null,
      Containers: wants('container')
        ? await listContainers(this.#containers, { all: true, size: true, filters: new Filters() })
        : null,
      Volumes: wants('volume') ? await this.#volumes.usage(signal) : null,
      BuildCache: wants('build-cache') ? await this.#builder.usage() : null,
    }
  }

  /** What the engine knows of itself and of its machine, for a report of a fault. */
  async diagnostics(): Promise<Diagnostics> {
    const { id, version, clock, log, machine } = this.#context
    const guest = await this.#guest()
    const messageOf = (error: unknown): string =>
      error instanceof Error ? error.message : String(error)
    return {
      time: new Date(clock.now()).toISOString(),
      id,
      version,
      machine: guest instanceof EngineError ? guest.message : guest,
      kernelLog: await machine.guest.kernelLog().catch(messageOf),
      containers: this.#containers.briefs(),
      log: log.lines(),
    }
  }

  async #guest(): Promise<GuestInfo | EngineError> {
    try {
      return await this.#context.machine.guest.info()
    } catch (error) {
      if (error instanceof EngineError) return error
      throw error
    }
  }
}

/** dockerd's words for a program whose version it can't tell: there is neither containerd nor runc (moby daemon/info_unix.go). */
const NOT_AVAILABLE = 'N/A'

/** Clients print the field. */
const NO_GO = 'none'
