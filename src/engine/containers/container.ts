import type { MachineProcess } from '../../ports/machine/processes.ts'
import type { RecordChange } from '../../ports/record-store.ts'
import { EngineError } from '../../core/error.ts'
import { shortId } from '../../core/short-id.ts'
import type { Context } from '../context.ts'
import { Mutex } from '../mutex.ts'
import { LogFollowers } from './log-followers.ts'
import { ProcessIo } from './process-io.ts'
import { isRunning, type ContainerRecord, type ContainerState } from './record.ts'
import { RestartBackoff } from './restart-policy.ts'

export type WaitCondition = 'not-running' | 'next-exit' | 'removed'

interface Waiter {
  readonly condition: WaitCondition
  readonly done: (exitCode: number) => void
}

/** A container: its record, its process while it has one, and who waits for it. */
export class Container {
  readonly #context: Context
  #record: ContainerRecord
  readonly #waiters = new Set<Waiter>()
  #closed = false

  /** Held while it starts, so that nothing else acts on a container half started. */
  readonly starting: Mutex = new Mutex()
  readonly backoff: RestartBackoff = new RestartBackoff()
  /** Of the run under way. */
  followers: LogFollowers = new LogFollowers()
  /** Ids of its other processes. */
  readonly runningExecs: Set<string> = new Set()
  /** Of the run under way or, before that, of the next one. */
  io: ProcessIo = new ProcessIo()
  process: MachineProcess | undefined
  /** Ends the wait before a restart. */
  restartWait: AbortController | undefined
  /** Set while `restart` stops it: it must not be removed then. */
  keep: boolean = false

  constructor(context: Context, record: ContainerRecord) {
    this.#context = context
    this.#record = record
  }

  get id(): string {
    return this.#record.id
  }

  get name(): string {
    return this.#record.name
  }

  get record(): ContainerRecord {
    return this.#record
  }

  get state(): ContainerState {
    return this.#record.state
  }

  /**
   * The change holds at once; resolved when it is stored. A full store doesn't stop a container: what happens to it goes
   * on, and the record is written with the next change.
   * @param others what is stored with it, or not at all
   */
  update(change: Partial<ContainerRecord>, others: readonly RecordChange[] = []): Promise<void> {
    this.#record = { ...this.#record, ...change }
    if (this.#closed) return Promise.resolve()
    return this.#context.records
      .commit([...others, { kind: 'container', key: this.id, value: this.#record }])
      .catch((error: unknown) => {
        this.#context.log.add(`container ${shortId(this.id)} is not stored: ${String(error)}`)
      })
  }

  /** Resolved when it is stored, as `update`. */
  setState(change: Partial<ContainerState>): Promise<void> {
    return this.update({ state: { ...this.state, ...change } })
  }

  event(action: string, attributes: Readonly<Record<string, string>> = {}): void {
    const { config, name } = this.#record
    this.#context.events.publish({
      Type: 'container',
      Action: action,
      Actor: {
        ID: this.id,
        Attributes: { ...config.Labels, ...attributes, image: config.Image, name },
      },
    })
  }

  /**
   * @param message ends the sentence `container <id> …`
   * @throws EngineError `conflict`
   */
  requireRunning(message = 'is not running'): void {
    if (!isRunning(this.state)) {
      throw new EngineError('conflict', `container ${this.id} ${message}`)
    }
  }

  /**
   * @returns the exit code
   * @throws the signal's reason when aborted
   */
  wait(condition: WaitCondition, signal?: AbortSignal): Promise<number> {
    if (condition === 'not-running' && !isRunning(this.state)) {
      return Promise.resolve(this.state.exitCode)
    }
    signal?.throwIfAborted()
    return new Promise((resolve, reject) => {
      const abort = (): void => {
        this.#waiters.delete(waiter)
        reject(signal?.reason as Error)
      }
      const waiter: Waiter = {
        condition,
        done: (exitCode) => {
          signal?.removeEventListener('abort', abort)
          this.#waiters.delete(waiter)
          resolve(exitCode)
        },
      }
      signal?.addEventListener('abort', abort, { once: true })
      this.#waiters.add(waiter)
    })
  }

  /** Tells those who wait for an exit. */
  exited(): void {
    for (const waiter of this.#waiters) {
      if (waiter.condition !== 'removed') waiter.done(this.state.exitCode)
    }
  }

  /** From now on nothing of it is stored. */
  close(): void {
    this.#closed = true
  }

  /** Tells everybody who waits still. */
  removed(): void {
    for (const waiter of this.#waiters) waiter.done(this.state.exitCode)
  }
}
