import type { DiskList, MachineDisk } from '../../src/ports/machine.ts'

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
