/** runtime-spec v1.2, config.md#process; the parts that guestd honours. */
export interface RuntimeProcess {
  readonly terminal?: boolean
  readonly consoleSize?: { readonly height: number; readonly width: number }
  readonly user: {
    readonly uid: number
    readonly gid: number
    readonly umask?: number
    readonly additionalGids?: readonly number[]
  }
  readonly args: readonly string[]
  readonly env?: readonly string[]
  readonly cwd: string
  readonly capabilities?: Readonly<
    Record<'bounding' | 'effective' | 'inheritable' | 'permitted' | 'ambient', readonly string[]>
  >
  readonly rlimits?: readonly {
    readonly type: string
    readonly hard: number
    readonly soft: number
  }[]
  readonly noNewPrivileges?: boolean
  readonly oomScoreAdj?: number
}

export interface RuntimeMount {
  /** Of a bind mount: what is bound of the source. No link leads out of it; one that would is EXDEV. */
  readonly subpath?: string
  /** Of a bind mount: an empty source is filled first with what the image has at the destination. */
  readonly copy?: boolean
  readonly destination: string
  readonly type?: string
  readonly source?: string
  readonly options?: readonly string[]
}

/** runtime-spec v1.2, config.md; the parts that guestd honours. */
export interface RuntimeSpec {
  readonly ociVersion: string
  readonly process: RuntimeProcess
  readonly root: { readonly path: string; readonly readonly?: boolean }
  readonly hostname?: string
  readonly domainname?: string
  readonly mounts?: readonly RuntimeMount[]
  readonly linux: {
    readonly namespaces: readonly { readonly type: string; readonly path?: string }[]
    readonly cgroupsPath?: string
    readonly resources?: {
      readonly memory?: {
        readonly limit?: number
        readonly reservation?: number
        readonly swap?: number
      }
      readonly cpu?: { readonly shares?: number; readonly quota?: number; readonly period?: number }
      readonly pids?: { readonly limit: number }
      readonly devices?: readonly {
        readonly allow: boolean
        readonly type?: string
        readonly major?: number
        readonly minor?: number
        readonly access?: string
      }[]
    }
    readonly devices?: readonly {
      readonly path: string
      readonly type: string
      readonly major?: number
      readonly minor?: number
      readonly fileMode?: number
      readonly uid?: number
      readonly gid?: number
    }[]
    readonly maskedPaths?: readonly string[]
    readonly readonlyPaths?: readonly string[]
    readonly sysctl?: Readonly<Record<string, string>>
    readonly rootfsPropagation?: string
  }
}
