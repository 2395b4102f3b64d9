import type { Digest } from './digest.ts'

/** image-spec v1.1.1 media types, and those of Docker's schema 2 that mean the same (distribution manifest-v2-2.md). */
export const mediaType = {
  ociIndex: 'application/vnd.oci.image.index.v1+json',
  ociManifest: 'application/vnd.oci.image.manifest.v1+json',
  dockerList: 'application/vnd.docker.distribution.manifest.list.v2+json',
  dockerManifest: 'application/vnd.docker.distribution.manifest.v2+json',
} as const

/** image-spec v1.1.1, descriptor.md */
export interface OciDescriptor {
  readonly mediaType: string
  readonly digest: Digest
  readonly size: number
  readonly urls?: readonly string[]
  readonly annotations?: Readonly<Record<string, string>>
  readonly platform?: OciPlatform
  readonly artifactType?: string
}

export interface OciPlatform {
  readonly architecture: string
  readonly os: string
  readonly 'os.version'?: string
  readonly variant?: string
}

/** image-spec v1.1.1, manifest.md */
export interface OciManifest {
  readonly schemaVersion: 2
  readonly mediaType?: string
  readonly config: OciDescriptor
  readonly layers: readonly OciDescriptor[]
  readonly annotations?: Readonly<Record<string, string>>
}

/** image-spec v1.1.1, image-index.md */
export interface OciIndex {
  readonly schemaVersion: 2
  readonly mediaType?: string
  readonly manifests: readonly OciDescriptor[]
  readonly annotations?: Readonly<Record<string, string>>
}

/** Nanoseconds, as in Docker's HEALTHCHECK extension of the image config. */
export interface OciHealthcheck {
  readonly Test?: readonly string[]
  readonly Interval?: number
  readonly Timeout?: number
  readonly StartPeriod?: number
  readonly StartInterval?: number
  readonly Retries?: number
}

/** The `config` of an image: defaults for its containers (image-spec v1.1.1, config.md#properties; with Docker's extensions). */
export interface OciContainerDefaults {
  readonly User?: string
  readonly ExposedPorts?: Readonly<Record<string, object>> | null
  readonly Env?: readonly string[] | null
  readonly Entrypoint?: readonly string[] | null
  readonly Cmd?: readonly string[] | null
  readonly Volumes?: Readonly<Record<string, object>> | null
  readonly WorkingDir?: string
  readonly Labels?: Readonly<Record<string, string>> | null
  readonly StopSignal?: string
  readonly StopTimeout?: number
  readonly ArgsEscaped?: boolean
  readonly Healthcheck?: OciHealthcheck
  readonly OnBuild?: readonly string[] | null
  readonly Shell?: readonly string[]
}

export interface OciHistory {
  readonly created?: string
  readonly created_by?: string
  readonly author?: string
  readonly comment?: string
  readonly empty_layer?: boolean
}

/** image-spec v1.1.1, config.md */
export interface OciImageConfig {
  /** RFC 3339 */
  readonly created?: string
  readonly author?: string
  readonly architecture: string
  readonly variant?: string
  readonly os: string
  readonly config?: OciContainerDefaults
  readonly rootfs: { readonly type: 'layers'; readonly diff_ids: readonly Digest[] }
  readonly history?: readonly OciHistory[]
  readonly docker_version?: string
  readonly comment?: string
}
