import type { EventMessage } from '../../core/engine-api.ts'
import type { Clock } from '../../ports/clock.ts'
import { Filters } from '../filters.ts'

/** As moby keeps (daemon/events/events.go). */
const HISTORY = 256
/** Events that wait for a slow subscriber; it loses what comes after. */
const QUEUE = 1024

export interface EventSource {
  readonly Type: EventMessage['Type']
  readonly Action: string
  readonly Actor: EventMessage['Actor']
}

export interface EventQuery {
  /** Milliseconds since 1970. Without it only what happens from now on. */
  readonly since?: number
  /** Milliseconds since 1970: the stream ends then. */
  readonly until?: number
  readonly filters?: Filters
}

/** What happens in the engine, to whoever listens. */
export class EventBus {
  readonly #clock: Clock
  readonly #history: EventMessage[] = []
  readonly #listeners = new Set<(event: EventMessage) => void>()
  /** The engine's own parts, for as long as it lives. */
  readonly #parts = new Set<(event: EventMessage) => void>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get listeners(): number {
    return this.#listeners.size
  }

  publish({ Type, Action, Actor }: EventSource): void {
    const now = this.#clock.now()
    const legacy =
      Type === 'container' || Type === 'image'
        ? {
            status: Action,
            id: Actor.ID,
            ...(Actor.Attributes['image'] && Type === 'container'
              ? { from: Actor.Attributes['image'] }
              : {}),
          }
        : {}
    const event: EventMessage = {
      ...legacy,
      Type,
      Action,
      Actor,
      scope: 'local',
      time: Math.floor(now / 1000),
      timeNano: Math.floor(now * 1e6),
    }
    this.#history.push(event)
    if (this.#history.length > HISTORY) this.#history.shift()
    for (const part of this.#parts) part(event)
    for (const listener of this.#listeners) listener(event)
  }

  /**
   * For a part of the engine: called at once, while the event is published.
   * @returns stops it
   */
  listen(listener: (event: EventMessage) => void): () => void {
    this.#parts.add(listener)
    return () => this.#parts.delete(listener)
  }

  /** Ends at `until` or when the signal is aborted. Nobody waits for a subscriber that doesn't read. */
  subscribe(query: EventQuery, signal: AbortSignal): ReadableStream<EventMessage> {
    const filters = query.filters ?? new Filters()
    const { since, until } = query
    const ended = new AbortController()
    let detach = (): void => undefined
    return new ReadableStream<EventMessage>(
      {
        start: (controller) => {
          const deliver = (event: EventMessage): void => {
            if ((controller.desiredSize ?? 0) > 0 && matches(filters, event)) {
              controller.enqueue(event)
            }
          }
          const end = (): void => {
            detach()
            controller.close()
          }
          detach = () => {
            this.#listeners.delete(deliver)
            signal.removeEventListener('abort', end)
            ended.abort()
            detach = () => undefined
          }
          if (since !== undefined) {
            for (const event of this.#history) {
              const time = event.timeNano / 1e6
              if (time >= since && (until === undefined || time <= until)) deliver(event)
            }
          }
          if (signal.aborted || (until !== undefined && until <= this.#clock.now())) {
            controller.close()
            return
          }
          this.#listeners.add(deliver)
          signal.addEventListener('abort', end, { once: true })
          if (until !== undefined) {
            this.#clock.sleep(until - this.#clock.now(), ended.signal).then(end, () => undefined)
          }
        },
        cancel: () => detach(),
      },
      { highWaterMark: QUEUE },
    )
  }
}

const names = ['container', 'daemon', 'image', 'network', 'plugin', 'volume'] as const

/** moby daemon/events/filter.go */
function matches(filters: Filters, event: EventMessage): boolean {
  const { Type, Action, Actor } = event
  const action = Action.replace(/:.*/, '')
  return (
    (filters.exact('event', Action) || filters.exact('event', action)) &&
    filters.exact('type', Type) &&
    filters.exact('scope', event.scope) &&
    filters.labels(Actor.Attributes) &&
    names.every((name) => {
      if (!filters.has(name)) return true
      if (name === 'image') return matchesImage(filters, event)
      return (
        Type === name &&
        (filters.prefix(name, Actor.ID) || filters.exact(name, Actor.Attributes['name'] ?? ''))
      )
    })
  )
}

/** Events of an image and of its containers. */
function matchesImage(filters: Filters, { Type, Actor }: EventMessage): boolean {
  const name = Actor.Attributes[Type === 'image' ? 'name' : 'image'] ?? ''
  return [Type === 'image' ? Actor.ID : '', name, name.replace(/:[^:/]*$/, '')].some(
    (candidate) => candidate !== '' && filters.exact('image', candidate),
  )
}
