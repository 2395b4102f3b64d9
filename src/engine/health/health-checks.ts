import type { EventMessage } from '../../core/engine-api.ts'
import { shortId } from '../../core/short-id.ts'
import type { Container } from '../containers/container.ts'
import type { ContainerSet } from '../containers/container-set.ts'
import { parseTime } from '../containers/time.ts'
import type { Execs } from '../execs/execs.ts'
import { nextHealth, startingHealth, unwatchedHealth } from './health-state.ts'
import { commandOf, probe } from './probe.ts'

/** Milliseconds, where the container says nothing (moby daemon/health.go). */
const INTERVAL = 30_000
const START_INTERVAL = 5000
const TIMEOUT = 30_000
const RETRIES = 3

/** Runs containers' healthchecks while they run. */
export class HealthChecks implements Disposable {
  readonly #containers: ContainerSet
  readonly #execs: Execs
  /** Of those that are watched, to stop it. */
  readonly #watches = new Map<string, AbortController>()
  readonly #leave: () => void

  constructor(containers: ContainerSet, execs: Execs) {
    this.#containers = containers
    this.#execs = execs
    this.#leave = containers.context.events.listen((event) => this.#onEvent(event))
  }

  [Symbol.dispose](): void {
    this.#leave()
    for (const watch of this.#watches.values()) watch.abort()
    this.#watches.clear()
  }

  #onEvent({ Type: type, Action: action, Actor: actor }: EventMessage): void {
    if (type !== 'container') return
    const container = this.#containers.find(actor.ID)
    if (!container || commandOf(container) === undefined) return
    if (action === 'start') {
      void container.setState({ health: startingHealth(container.state.health) })
      this.#watch(container)
    } else if (action === 'unpause') this.#watch(container)
    else if (action === 'die' || action === 'pause') this.#unwatch(container)
  }

  #unwatch(container: Container): void {
    this.#watches.get(container.id)?.abort()
    this.#watches.delete(container.id)
    const { health } = container.state
    if (health) void container.setState({ health: unwatchedHealth(health) })
  }

  #watch(container: Container): void {
    this.#watches.get(container.id)?.abort()
    const watch = new AbortController()
    this.#watches.set(container.id, watch)
    this.#follow(container, watch.signal).catch((error: unknown) => {
      if (watch.signal.aborted) return
      this.#containers.context.log.add(`health of ${shortId(container.id)}: ${String(error)}`)
    })
  }

  async #follow(container: Container, signal: AbortSignal): Promise<void> {
    const { context } = this.#containers
    const check = container.record.config.Healthcheck ?? {}
    const timeout = milliseconds(check.Timeout) ?? TIMEOUT
    const startPeriod = milliseconds(check.StartPeriod) ?? 0
    const started = parseTime(container.state.startedAt)
    const isSparing = (): boolean => context.clock.now() - started < startPeriod
    for (;;) {
      const hurried = isSparing() && container.state.health?.Status === 'starting'
      const interval = hurried
        ? (milliseconds(check.StartInterval) ?? START_INTERVAL)
        : (milliseconds(check.Interval) ?? INTERVAL)
      await context.clock.sleep(interval, signal)
      const sparing = isSparing()
      const result = await probe(context, this.#execs, container, { timeout, signal })
      const before = container.state.health
      if (signal.aborted || !before) return
      const retries = check.Retries || RETRIES
      const health = nextHealth(before, result, { retries, sparing })
      void container.setState({ health })
      if (health.Status !== before.Status) container.event(`health_status: ${health.Status}`)
    }
  }
}

/** From nanoseconds; undefined for 0, which means the default. */
const milliseconds = (nanoseconds: number | undefined): number | undefined =>
  nanoseconds ? nanoseconds / 1e6 : undefined
