import type { BuildTrace } from '../../core/build-trace.ts'
import type { ProgressMessage } from '../../core/engine-api.ts'

/** What a build is asked for (Engine API, POST /build). */
export interface BuildRequest {
  /** The context as it comes: a tar, gzipped or not. */
  readonly archive: ReadableStream<Uint8Array>
  /** Path of the Dockerfile within the context. */
  readonly dockerfile: string
  /** Names that the image gets. */
  readonly tags: readonly string[]
  readonly quiet: boolean
  readonly noCache: boolean
  /** Stages that take nothing from the cache. */
  readonly noCacheFilter: readonly string[]
  readonly cacheFrom: readonly string[]
  readonly pull: boolean
  readonly buildArgs: Readonly<Record<string, string>>
  readonly labels: Readonly<Record<string, string>>
  readonly network: string
  readonly extraHosts: readonly string[]
  readonly target: string
  readonly platform: string
  readonly resources: BuildResources
  /** By id. */
  readonly secrets: ReadonlyMap<string, Uint8Array>
  /** The archive holds `context/`, `contexts/<name>/` and `secrets/<id>`, as Drydock's own CLI sends it. */
  readonly bundle: boolean
  /** The context was listed before, and only what was missing comes in the bundle: what `offer` gave; '' otherwise. */
  readonly listing: string
  /** Named contexts: `docker-image://…` by name; those in the bundle need no entry. */
  readonly contexts: Readonly<Record<string, string>>
  readonly trace: boolean
  readonly requestId: string
  readonly signal: AbortSignal
}

/** Of RUN's containers. Bytes, and the kernel's units for processors; 0: no limit. */
export interface BuildResources {
  readonly memory: number
  readonly memorySwap: number
  readonly cpuShares: number
  readonly cpuPeriod: number
  readonly cpuQuota: number
  readonly shmSize: number
  readonly ulimits: readonly {
    readonly Name: string
    readonly Hard: number
    readonly Soft: number
  }[]
}

export type BuildMessage = ProgressMessage | { readonly id: string; readonly aux: BuildTrace }
