import type { HostConfig } from '../../core/host-config.ts'
import type { OciContainerDefaults, OciHealthcheck } from '../../core/oci.ts'

/** ContainerConfig of the Engine API, as it is stored and shown. */
export interface ContainerConfig {
  readonly Hostname: string
  readonly Domainname: string
  readonly User: string
  readonly AttachStdin: boolean
  readonly AttachStdout: boolean
  readonly AttachStderr: boolean
  readonly ExposedPorts?: Readonly<Record<string, object>>
  readonly Tty: boolean
  readonly OpenStdin: boolean
  readonly StdinOnce: boolean
  readonly Env: readonly string[]
  readonly Cmd: readonly string[] | null
  readonly Healthcheck?: OciHealthcheck
  readonly ArgsEscaped?: boolean
  readonly Image: string
  readonly Volumes: Readonly<Record<string, object>> | null
  readonly WorkingDir: string
  readonly Entrypoint: readonly string[] | null
  readonly NetworkDisabled?: boolean
  readonly OnBuild: readonly string[] | null
  readonly Labels: Readonly<Record<string, string>>
  readonly StopSignal?: string
  /** Seconds. */
  readonly StopTimeout?: number
  readonly Shell?: readonly string[]
}

/** Body of `containers/create`: a ContainerConfig with two members more. Any part may be missing or null. */
export type CreateBody = Nullable<ContainerConfig> & {
  /** Of clients of before 1.44: that of the first network. */
  readonly MacAddress?: string | null
  readonly HostConfig?: Nullable<HostConfig> | null
  readonly NetworkingConfig?: {
    readonly EndpointsConfig?: Readonly<Record<string, unknown>> | null
  } | null
}

export type Nullable<T> = { readonly [K in keyof T]?: T[K] | null }

/** Drops what is null or undefined, so that defaults show through. */
export const given = <T extends object>(
  value: T | null | undefined,
): { readonly [K in keyof T]?: NonNullable<T[K]> } =>
  Object.fromEntries(
    Object.entries(value ?? {}).filter(([, member]) => member !== null && member !== undefined),
  ) as { readonly [K in keyof T]?: NonNullable<T[K]> }

/**
 * The container's configuration with the image's defaults (moby daemon/commit.go merge). Docker's order of members, as
 * it is shown by inspect.
 * @param hostname when the client gives none
 */
export function mergeConfig(
  body: CreateBody,
  image: OciContainerDefaults,
  hostname: string,
): ContainerConfig {
  const own = given(body)
  const environment = own.Env ?? []
  const names = new Set(environment.map(nameOf))
  const inherited = (image.Env ?? []).filter((line) => !names.has(nameOf(line)))
  const entrypointGiven = own.Entrypoint !== undefined
  // An entrypoint of the client's drops the image's command; [''] is how it says "none".
  const entrypoint = entrypointGiven
    ? own.Entrypoint?.length === 1 && own.Entrypoint[0] === ''
      ? null
      : own.Entrypoint
    : image.Entrypoint
  const hasCommand = own.Cmd !== undefined && own.Cmd.length > 0
  const command = hasCommand ? own.Cmd : entrypointGiven ? null : image.Cmd
  const exposed = { ...image.ExposedPorts, ...own.ExposedPorts }
  const volumes = { ...image.Volumes, ...own.Volumes }
  const healthcheck = mergeHealthcheck(own.Healthcheck, image.Healthcheck)
  const stopSignal = own.StopSignal || image.StopSignal
  const stopTimeout = own.StopTimeout ?? image.StopTimeout
  const shell = own.Shell ?? image.Shell
  return {
    Hostname: own.Hostname || hostname,
    Domainname: own.Domainname ?? '',
    User: own.User || image.User || '',
    AttachStdin: own.AttachStdin ?? false,
    AttachStdout: own.AttachStdout ?? false,
    AttachStderr: own.AttachStderr ?? false,
    ...(Object.keys(exposed).length > 0 ? { ExposedPorts: exposed } : {}),
    Tty: own.Tty ?? false,
    OpenStdin: own.OpenStdin ?? false,
    StdinOnce: own.StdinOnce ?? false,
    Env: [...environment, ...inherited],
    Cmd: command && command.length > 0 ? command : null,
    ...(healthcheck ? { Healthcheck: healthcheck } : {}),
    Image: own.Image ?? '',
    Volumes: Object.keys(volumes).length > 0 ? volumes : null,
    WorkingDir: own.WorkingDir || image.WorkingDir || '',
    Entrypoint: entrypoint && entrypoint.length > 0 ? entrypoint : null,
    ...(own.NetworkDisabled ? { NetworkDisabled: true } : {}),
    OnBuild: null,
    Labels: { ...image.Labels, ...own.Labels },
    ...(stopSignal ? { StopSignal: stopSignal } : {}),
    ...(stopTimeout === undefined ? {} : { StopTimeout: stopTimeout }),
    ...(shell ? { Shell: shell } : {}),
  }
}

const nameOf = (line: string): string => line.split('=', 1)[0] ?? ''

function mergeHealthcheck(
  own: OciHealthcheck | undefined,
  image: OciHealthcheck | undefined,
): OciHealthcheck | undefined {
  if (!own || !image) return own ?? image
  const chosen = Object.fromEntries(
    Object.entries(own).filter(([, value]) => value !== 0 && value !== undefined),
  )
  return { ...image, ...chosen, ...(own.Test?.length ? {} : { Test: image.Test ?? [] }) }
}
