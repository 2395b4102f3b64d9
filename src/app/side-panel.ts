import { html, LitElement, nothing, type PropertyValues, type TemplateResult } from 'lit'
import type { PanelViews } from './panel-views.ts'
import './side-panel.css'

/** Narrower, a view or the terminal beside it can't be read, in CSS pixels. */
const LEAST = 280
/** How far an arrow key moves the edge, in CSS pixels. */
const STEP = 40

/**
 * The views beside the terminals, as tabs, with an edge to drag. Fires `resized` with its new width in CSS pixels when the
 * visitor has let go. In no shadow tree, as the editor measures itself in the document.
 */
export class SidePanel extends LitElement {
  static override properties = {
    views: { attribute: false },
    /** Changes whenever something of `views` does, which stays the same object. */
    state: { attribute: false },
    width: { attribute: false },
  }
  declare views: PanelViews
  declare state: unknown
  /** In CSS pixels; 0: as the window is. */
  declare width: number

  protected override createRenderRoot(): this {
    return this
  }

  override render(): TemplateResult {
    const { all, current } = this.views
    return html`
      <div
        class="edge"
        role="separator"
        aria-label="Width of the side panel"
        aria-orientation="vertical"
        aria-valuenow=${this.#width()}
        aria-valuemin=${LEAST}
        aria-valuemax=${this.#most()}
        tabindex="0"
        @pointerdown=${(event: PointerEvent) => this.#drag(event)}
        @keydown=${(event: KeyboardEvent) => this.#key(event)}
        @dblclick=${() => this.#settle(0)}
      ></div>
      <section aria-label="Side panel">
        <header>
          <nav aria-label="Views">
            ${all.map(
              ({ id, title }) => html`
                <span class="tab ${id === current ? 'current' : ''}">
                  <button aria-current=${id === current} @click=${() => this.views.show(id)}>
                    ${title}
                  </button>
                  ${
                    all.length > 1
                      ? html`<button
                          class="close"
                          title="Close"
                          aria-label="Close ${title}"
                          @click=${() => this.views.close(id)}
                        >
                          ×
                        </button>`
                      : nothing
                  }
                </span>
              `,
            )}
          </nav>
          <button title="Fold away" aria-label="Fold away" @click=${() => this.views.fold()}>
            »
          </button>
        </header>
        <div class="views"></div>
      </section>
    `
  }

  protected override updated(_changed: PropertyValues): void {
    this.hidden = !this.views.isOpen
    this.style.setProperty('--panel-width', `${this.#width()}px`)
    const box = this.querySelector('.views')
    const elements = new Set<Element>()
    for (const { id, element } of this.views.all) {
      elements.add(element)
      if (element.parentElement !== box) box?.append(element)
      element.hidden = id !== this.views.current
    }
    for (const element of Array.from(box?.children ?? []))
      if (!elements.has(element)) element.remove()
  }

  #most(): number {
    return Math.max(LEAST, innerWidth - LEAST)
  }

  #width(): number {
    const wanted = this.width > 0 ? this.width : innerWidth * 0.42
    return Math.round(Math.min(this.#most(), Math.max(LEAST, wanted)))
  }

  #settle(width: number): void {
    this.width = width
    this.dispatchEvent(new CustomEvent('resized', { detail: width }))
  }

  #key(event: KeyboardEvent): void {
    const by = { ArrowLeft: STEP, ArrowRight: -STEP }[event.key]
    if (by === undefined) return
    event.preventDefault()
    this.#settle(Math.min(this.#most(), Math.max(LEAST, this.#width() + by)))
  }

  #drag(event: PointerEvent): void {
    const edge = event.currentTarget
    if (!(edge instanceof HTMLElement) || event.button !== 0) return
    event.preventDefault()
    edge.setPointerCapture(event.pointerId)
    // A frame below the pointer would take its moves.
    this.classList.add('dragging')
    const follow = ({ clientX }: PointerEvent): void => {
      this.width = Math.min(this.#most(), Math.max(LEAST, innerWidth - clientX))
    }
    const end = new AbortController()
    const stop = (): void => {
      end.abort()
      this.classList.remove('dragging')
      this.#settle(this.width)
    }
    edge.addEventListener('pointermove', follow, { signal: end.signal })
    edge.addEventListener('lostpointercapture', stop, { signal: end.signal })
  }
}

customElements.define('side-panel', SidePanel)
