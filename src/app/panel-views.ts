import type { ReactiveController, ReactiveControllerHost } from 'lit'

/** Something to show beside the terminals: files, what to try, a container's page. */
export interface PanelView {
  /** At most one view of an id is open. */
  readonly id: string
  readonly title: string
  /** Stays where it is in the document while the view is open, shown or not: a frame that moves loads again. */
  readonly element: HTMLElement
  /** The visitor closed it. */
  readonly onClose?: () => void
}

/** The views of the side panel. Whoever has a view opens it here; the page follows. */
export class PanelViews implements ReactiveController {
  readonly #host: ReactiveControllerHost
  #views: readonly PanelView[] = []
  #current: string | undefined
  #isOpen = false

  constructor(host: ReactiveControllerHost) {
    this.#host = host
    host.addController(this)
  }

  hostConnected(): void {
    // Nothing to start.
  }

  get all(): readonly PanelView[] {
    return this.#views
  }

  get current(): string | undefined {
    return this.#current
  }

  /** False: the panel is folded away, its views as they were. */
  get isOpen(): boolean {
    return this.#isOpen
  }

  isShown(id: string): boolean {
    return this.#isOpen && this.#current === id
  }

  /** Show a view, the one of that id if there is one already. */
  open(view: PanelView): void {
    if (!this.#views.some(({ id }) => id === view.id)) this.#views = [...this.#views, view]
    this.show(view.id)
  }

  show(id: string): void {
    this.#current = id
    this.#isOpen = true
    this.#host.requestUpdate()
  }

  /** Fold the panel away if it shows the view, show the view if not. */
  toggle(view: PanelView): void {
    if (this.isShown(view.id)) this.fold()
    else this.open(view)
  }

  fold(): void {
    this.#isOpen = false
    this.#host.requestUpdate()
  }

  close(id: string): void {
    const at = this.#views.findIndex((view) => view.id === id)
    const closed = this.#views[at]
    if (!closed) return
    this.#views = this.#views.filter((view) => view !== closed)
    if (this.#current === id) this.#current = (this.#views[at] ?? this.#views.at(-1))?.id
    if (this.#views.length === 0) this.#isOpen = false
    closed.onClose?.()
    this.#host.requestUpdate()
  }
}
