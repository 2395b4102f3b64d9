import type { ReactiveController, ReactiveControllerHost } from 'lit'

/** A message above the terminals. */
export interface Banner {
  /** A banner of an id replaces the one before it. */
  readonly id: string
  readonly tone: 'notice' | 'warning' | 'trouble'
  /** Sentences. */
  readonly text: string
  readonly actions?: readonly { readonly label: string; readonly run: () => void }[]
  /** Whether it stays until whoever showed it hides it. */
  readonly isLasting?: boolean
}

/** The messages above the terminals. Whoever has one shows it here; the page follows. */
export class Banners implements ReactiveController {
  readonly #host: ReactiveControllerHost
  #banners: readonly Banner[] = []

  constructor(host: ReactiveControllerHost) {
    this.#host = host
    host.addController(this)
  }

  hostConnected(): void {
    // Nothing to start.
  }

  get all(): readonly Banner[] {
    return this.#banners
  }

  show(banner: Banner): void {
    const rest = this.#banners.filter(({ id }) => id !== banner.id)
    this.#banners = [...rest, banner]
    this.#host.requestUpdate()
  }

  hide(id: string): void {
    const rest = this.#banners.filter((banner) => banner.id !== id)
    if (rest.length === this.#banners.length) return
    this.#banners = rest
    this.#host.requestUpdate()
  }
}
