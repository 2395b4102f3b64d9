import type { BlobStore } from '../../src/ports/blob-store.ts'
import type { LogStore } from '../../src/ports/log-store.ts'
import type { RecordStore } from '../../src/ports/record-store.ts'
import { ScriptedDisk } from './scripted-disk.ts'
import { ScriptedMachine } from './scripted-machine.ts'

const never = new Promise<never>(() => undefined)

/**
 * Counts what an engine makes last, one step after the other, and fails after so many: what was asked for behind that is
 * never done nor answered, and the last step is done but not answered.
 */
export class Power {
  steps = 0
  readonly #last: number
  #fail: () => void = () => undefined
  readonly failed: Promise<void>

  constructor(last: number = Infinity) {
    this.#last = last
    this.failed = new Promise((resolve) => {
      this.#fail = resolve
    })
  }

  /** One after the other, as a store does it. */
  #queue: Promise<unknown> = Promise.resolve()

  step<Result>(work: () => Result | Promise<Result>): Promise<Result> {
    const done = this.#queue.then(async () => {
      if (this.steps >= this.#last) {
        this.#fail()
        return never
      }
      this.steps++
      const result = await work()
      if (this.steps < this.#last) return result
      this.#fail()
      return never
    })
    this.#queue = done.catch(() => undefined)
    return done
  }

  get isOff(): boolean {
    return this.steps >= this.#last
  }

  blobs(store: BlobStore): BlobStore {
    return {
      size: (digest) => store.size(digest),
      write: (source, options) => this.step(() => store.write(source, options)),
      open: (digest) => store.open(digest),
      delete: (digest) => this.step(() => store.delete(digest)),
      list: () => store.list(),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    }
  }

  records(store: RecordStore): RecordStore {
    return {
      get: (kind, key) => store.get(kind, key),
      list: (kind) => store.list(kind),
      commit: (changes) => this.step(() => store.commit(changes)),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    }
  }

  logs(store: LogStore): LogStore {
    return {
      append: (container, entries) => {
        if (!this.isOff) store.append(container, entries)
      },
      flush: () => store.flush(),
      read: (container) => store.read(container),
      delete: (container) => this.step(() => store.delete(container)),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    }
  }
}

/** What ext4 has: changes become durable in their order, at the latest when they are synced. */
export class PoweredDisk extends ScriptedDisk {
  readonly power: Power
  /** Names before what was not synced yet. */
  #durable: readonly [ReadonlySet<string>, ReadonlySet<string>] = [new Set(), new Set()]
  #pending: ((disk: ScriptedDisk) => void)[] = []

  constructor(power: Power, names?: ScriptedDisk) {
    super()
    this.power = power
    for (const upper of names?.uppers ?? []) this.uppers.add(upper)
    for (const volume of names?.volumes ?? []) this.volumes.add(volume)
    this.#durable = [new Set(this.uppers), new Set(this.volumes)]
  }

  change(work: (disk: ScriptedDisk) => void): Promise<void> {
    return this.power.step(() => {
      work(this)
      this.#pending.push(work)
    })
  }

  override makeUpper(container: string): Promise<void> {
    return this.uppers.has(container)
      ? Promise.resolve()
      : this.change(({ uppers }) => void uppers.add(container))
  }

  override removeUpper(container: string): Promise<void> {
    return this.change(({ uppers }) => void uppers.delete(container))
  }

  override makeVolume(name: string): Promise<void> {
    return this.volumes.has(name)
      ? Promise.resolve()
      : this.change(({ volumes }) => void volumes.add(name))
  }

  override removeVolume(name: string): Promise<void> {
    return this.change(({ volumes }) => void volumes.delete(name))
  }

  override sync(): Promise<void> {
    return this.power.step(() => {
      this.#durable = [new Set(this.uppers), new Set(this.volumes)]
      this.#pending = []
    })
  }

  /** How many changes a power cut may take. */
  get unsynced(): number {
    return this.#pending.length
  }

  /** What a power cut leaves that takes the last `lost` changes. */
  left(lost: number): ScriptedDisk {
    const disk = new ScriptedDisk()
    for (const upper of this.#durable[0]) disk.uppers.add(upper)
    for (const volume of this.#durable[1]) disk.volumes.add(volume)
    for (const work of this.#pending.slice(0, this.#pending.length - lost)) work(disk)
    return disk
  }
}

/** A machine whose disk ends with the power. */
export class PoweredMachine extends ScriptedMachine {
  declare readonly disk: PoweredDisk

  constructor(power: Power, names?: ScriptedDisk) {
    super({}, new PoweredDisk(power, names))
  }
}
