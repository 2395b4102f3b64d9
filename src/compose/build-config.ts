import type { BytesText, Environment } from './values.ts'

type Texts = Readonly<Record<string, string>>

/** `host=address`, sorted. */
export type ExtraHosts = readonly string[]

/** A limit for both, or one each. */
export type Ulimit = number | { readonly soft?: number; readonly hard?: number }

/** How a service or a build uses one of the project's secrets or configs. */
export interface FileReference {
  /** The project's key. */
  readonly source: string
  readonly target?: string
  readonly uid?: string
  readonly gid?: string
  /** Octal: `0440`. */
  readonly mode?: string
}

export interface BuildConfig {
  /** An absolute directory, or an address. */
  readonly context?: string
  /** Relative to `context`, or absolute. */
  readonly dockerfile?: string
  readonly dockerfile_inline?: string
  readonly entitlements?: readonly string[]
  readonly args?: Environment
  readonly provenance?: string
  readonly sbom?: string
  /** `default`, or `id: path`. */
  readonly ssh?: readonly string[]
  readonly labels?: Texts
  readonly cache_from?: readonly string[]
  readonly cache_to?: readonly string[]
  readonly no_cache?: boolean
  readonly additional_contexts?: Texts
  readonly pull?: boolean
  readonly extra_hosts?: ExtraHosts
  readonly isolation?: string
  readonly network?: string
  readonly target?: string
  readonly secrets?: readonly FileReference[]
  readonly shm_size?: BytesText
  readonly tags?: readonly string[]
  readonly ulimits?: Readonly<Record<string, Ulimit>>
  readonly platforms?: readonly string[]
  readonly privileged?: boolean
}
