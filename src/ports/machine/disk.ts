/** What is on a machine's disk. */
export interface DiskList {
  /** Ids of the containers that have a writable layer there. */
  readonly uppers: readonly string[]
  readonly volumes: readonly string[]
  /** Bytes. */
  readonly size: number
  readonly free: number
}

/** Volumes are directories that containers get from `MachinePlaces.volume`. */
export interface MachineDisk {
  list(): Promise<DiskList>
  /** One that is there stays as it is. */
  makeVolume(name: string): Promise<void>
  /** Unknown ones are no error. */
  removeVolume(name: string): Promise<void>
  /** Bytes in it, as Docker counts them: the lengths of its files. */
  volumeUsage(name: string, signal?: AbortSignal): Promise<number>
  /** Bytes that a container has written to its layer, counted likewise; 0 for one that has none. */
  layerUsage(container: string, signal?: AbortSignal): Promise<number>
  /** A tmpfs in the place of its directory, for all containers that get it from now on. Again is no error. */
  mountVolume(name: string, options: readonly string[]): Promise<void>
  /** Its directory again. */
  unmountVolume(name: string): Promise<void>
  /** Resolved when everything written so far survives. */
  sync(signal?: AbortSignal): Promise<void>
}
