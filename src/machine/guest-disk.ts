import { EngineError } from '../core/error.ts'
import type { DiskList, MachineDisk } from '../ports/machine/disk.ts'
import type { GuestCall } from './control-channel.ts'
import { isObject } from './frame.ts'

/** The disk, through guestd. */
export class GuestDisk implements MachineDisk {
  readonly #request: (call: GuestCall, signal?: AbortSignal) => Promise<unknown>

  constructor(request: (call: GuestCall, signal?: AbortSignal) => Promise<unknown>) {
    this.#request = request
  }

  async list(): Promise<DiskList> {
    const result = await this.#request({ op: 'list-disk' })
    const names = (value: unknown): value is string[] =>
      Array.isArray(value) && value.every((name) => typeof name === 'string')
    if (!isObject(result)) throw invalid()
    const { uppers, volumes, size, free } = result
    if (!names(uppers) || !names(volumes) || typeof size !== 'number' || typeof free !== 'number')
      throw invalid()
    return { uppers, volumes, size, free }
  }

  async makeVolume(volume: string): Promise<void> {
    await this.#request({ op: 'make-volume', volume })
  }

  async removeVolume(volume: string): Promise<void> {
    await this.#request({ op: 'remove-volume', volume })
  }

  async volumeUsage(volume: string, signal?: AbortSignal): Promise<number> {
    return bytesOf(await this.#request({ op: 'volume-usage', volume }, signal))
  }

  async layerUsage(container: string, signal?: AbortSignal): Promise<number> {
    return bytesOf(await this.#request({ op: 'layer-usage', container }, signal))
  }

  async mountVolume(volume: string, options: readonly string[]): Promise<void> {
    await this.#request({ op: 'mount-volume', volume, options })
  }

  async unmountVolume(volume: string): Promise<void> {
    await this.#request({ op: 'unmount-volume', volume })
  }

  async sync(signal?: AbortSignal): Promise<void> {
    await this.#request({ op: 'sync-disk' }, signal)
  }
}

function bytesOf(result: unknown): number {
  if (!isObject(result) || typeof result['bytes'] !== 'number') throw invalid()
  return result['bytes']
}

const invalid = (): EngineError =>
  new EngineError('internal', 'guestd told nothing valid of the disk')
