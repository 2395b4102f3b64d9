import type { DiskList, MachineDisk } from '../../src/ports/machine/disk.ts'

/** Names of what is on a disk. */
export class ScriptedDisk implements MachineDisk {
  readonly uppers: Set<string> = new Set()
  readonly volumes: Set<string> = new Set()

  /** Those that are a tmpfs. */
  readonly mounted: Set<string> = new Set()

  list(): Promise<DiskList> {
    return Promise.resolve({
      uppers: [...this.uppers],
      volumes: [...this.volumes],
      size: 2 ** 32,
      free: 2 ** 31,
    })
  }

  /** A container's writable layer, when it is started. */
  makeUpper(container: string): Promise<void> {
    this.uppers.add(container)
    return Promise.resolve()
  }

  removeUpper(container: string): Promise<void> {
    this.uppers.delete(container)
    return Promise.resolve()
  }

  makeVolume(name: string): Promise<void> {
    this.volumes.add(name)
    return Promise.resolve()
  }

  removeVolume(name: string): Promise<void> {
    this.volumes.delete(name)
    return Promise.resolve()
  }

  volumeUsage(): Promise<number> {
    return Promise.resolve(4096)
  }

  layerUsage(container: string): Promise<number> {
    return Promise.resolve(this.uppers.has(container) ? 1000 : 0)
  }

  mountVolume(name: string): Promise<void> {
    this.mounted.add(name)
    return Promise.resolve()
  }

  unmountVolume(name: string): Promise<void> {
    this.mounted.delete(name)
    return Promise.resolve()
  }

  sync(): Promise<void> {
    return Promise.resolve()
  }
}
