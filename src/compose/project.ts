import type { ServiceConfig } from './service.ts'

/** The canonical model of a set of Compose files: what `docker compose config --format json` prints, and whence it came. */
export interface Project {
  readonly name: string
  /** By name, sorted. Those whose profile is not active are in `disabledServices`. */
  readonly services: Readonly<Record<string, ServiceConfig>>
  readonly networks: Readonly<Record<string, NetworkConfig>>
  readonly volumes: Readonly<Record<string, VolumeConfig>>
  readonly secrets: Readonly<Record<string, SecretConfig>>
  readonly configs: Readonly<Record<string, ConfigObjectConfig>>
  readonly models: Readonly<Record<string, ModelConfig>>
  /** `x-…` of the top level. */
  readonly extensions: Readonly<Record<string, unknown>>
  /** Absolute; relative paths are resolved against it. */
  readonly workingDirectory: string
  /** Absolute paths, in the order of `-f`. */
  readonly composeFiles: readonly string[]
  /** What interpolation sees: the process's environment over `.env`, and COMPOSE_PROJECT_NAME. */
  readonly environment: Readonly<Record<string, string>>
  readonly profiles: readonly string[]
  readonly disabledServices: Readonly<Record<string, ServiceConfig>>
}

/** What loads a project: the flags, the environment and the way to the files. */
export interface LoadOptions {
  /** `-f`, COMPOSE_FILE; relative to `workingDirectory`. Empty: looked for there and in its parents. */
  readonly files: readonly string[]
  /** Absolute: where the user is. */
  readonly workingDirectory: string
  /** `--project-directory`. */
  readonly projectDirectory?: string
  /** Of the process. */
  readonly environment: Readonly<Record<string, string>>
  /** `--profile`; COMPOSE_PROFILES is read from the environment beside it. */
  readonly profiles: readonly string[]
  /** `-p`. */
  readonly projectName?: string
  /** `--env-file`. */
  readonly envFiles: readonly string[]
  /** Services asked for by name: their profiles become active. */
  readonly services?: readonly string[]
  /** Text of a file; undefined when there is none. Absolute paths. Other failures throw. */
  readonly readFile: (path: string) => Promise<string | undefined>
  /** A warning that Compose logs, without prefix. */
  readonly warn: (message: string) => void
  /** Whether `env_file` is read into `environment` and dropped; default true. `config --hash` does not. */
  readonly resolveEnvironment?: boolean
  /** `--no-normalize` leaves out what is implicit: the default network, names of resources that the file doesn't give; default true. */
  readonly normalize?: boolean
  /** `--no-consistency` turns the checks beyond the schema off; default true. */
  readonly checkConsistency?: boolean
}

export interface NetworkConfig {
  /** As the engine knows it: `PROJECT_KEY` unless given. */
  readonly name: string
  readonly driver?: string
  readonly driver_opts?: Readonly<Record<string, string>>
  readonly ipam?: {
    readonly driver?: string
    readonly config?: readonly IpamPool[]
  }
  readonly external?: boolean
  readonly internal?: boolean
  readonly attachable?: boolean
  readonly labels?: Readonly<Record<string, string>>
  readonly enable_ipv4?: boolean
  readonly enable_ipv6?: boolean
}

export interface IpamPool {
  readonly subnet?: string
  readonly gateway?: string
  readonly ip_range?: string
  readonly aux_addresses?: Readonly<Record<string, string>>
}

export interface VolumeConfig {
  readonly name: string
  readonly driver?: string
  readonly driver_opts?: Readonly<Record<string, string>>
  readonly external?: boolean
  readonly labels?: Readonly<Record<string, string>>
}

interface FileObjectConfig {
  readonly name: string
  /** Absolute. */
  readonly file?: string
  /** Name of a variable. */
  readonly environment?: string
  readonly external?: boolean
  readonly labels?: Readonly<Record<string, string>>
  readonly driver?: string
  readonly driver_opts?: Readonly<Record<string, string>>
  readonly template_driver?: string
  /** Inline, or the variable's value; documents print it only where the file has it inline. */
  readonly content?: string
}

export interface SecretConfig extends FileObjectConfig {}

export interface ConfigObjectConfig extends FileObjectConfig {}

export interface ModelConfig {
  readonly name?: string
  readonly model?: string
  readonly context_size?: number
  readonly runtime_flags?: readonly string[]
}
