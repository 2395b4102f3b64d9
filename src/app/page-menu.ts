import { css, html, LitElement, nothing, type CSSResult, type TemplateResult } from 'lit'

export interface MenuItem {
  readonly label: string
  /** A few words below the label. */
  readonly hint?: string
  readonly run: () => void
}

/** A button that opens a list of what is rarely needed. */
export class PageMenu extends LitElement {
  static override properties = { items: { attribute: false }, isOpen: { state: true } }
  declare items: readonly MenuItem[]
  declare isOpen: boolean

  static override styles: CSSResult = css`
    :host {
      position: relative;
    }
    .opener {
      padding: 0.3em 0.7em;
      border: 1px solid transparent;
      border-radius: 6px;
      background: none;
      color: inherit;
      font: inherit;
      cursor: pointer;
    }
    .opener:hover {
      background: var(--line);
    }
    :focus-visible {
      outline: 2px solid var(--accent);
      outline-offset: -2px;
    }
    [role='menu'] {
      position: absolute;
      top: calc(100% + 0.3em);
      right: 0;
      z-index: 30;
      min-width: 17em;
      padding: 0.3em;
      border: 1px solid var(--line);
      border-radius: 8px;
      background: var(--raised);
      box-shadow: 0 0.5em 1.5em rgb(0 0 0 / 30%);
    }
    [role='menuitem'] {
      display: block;
      width: 100%;
      padding: 0.45em 0.7em;
      border: 0;
      border-radius: 6px;
      background: none;
      color: inherit;
      font: inherit;
      text-align: left;
      cursor: pointer;
    }
    [role='menuitem']:hover,
    [role='menuitem']:focus {
      background: var(--line);
    }
    small {
      display: block;
      color: var(--muted);
    }
  `

  constructor() {
    super()
    this.items = []
    this.isOpen = false
  }

  override connectedCallback(): void {
    super.connectedCallback()
    // Between two parts of the menu the focus does not leave this element.
    this.addEventListener('focusout', () => {
      this.isOpen = false
    })
    this.addEventListener('keydown', (event) => this.#key(event))
    // The page gives the focus back to the terminal after other clicks.
    this.addEventListener('click', (event) => event.stopPropagation())
  }

  override render(): TemplateResult {
    return html`
      <button
        class="opener"
        aria-haspopup="menu"
        aria-expanded=${this.isOpen}
        aria-label="Menu"
        title="Menu"
        @click=${() => this.#toggle()}
      >
        ☰
      </button>
      ${
        this.isOpen
          ? html`<div role="menu">
              ${this.items.map(
                (item) => html`
                  <button role="menuitem" tabindex="-1" @click=${() => this.#choose(item)}>
                    ${item.label}${item.hint === undefined ? nothing : html`<small>${item.hint}</small>`}
                  </button>
                `,
              )}
            </div>`
          : nothing
      }
    `
  }

  #toggle(): void {
    this.isOpen = !this.isOpen
    if (this.isOpen) void this.updateComplete.then(() => this.#buttons()[0]?.focus())
  }

  #buttons(): HTMLElement[] {
    return [...this.renderRoot.querySelectorAll<HTMLElement>('[role="menuitem"]')]
  }

  #choose(item: MenuItem): void {
    this.#close()
    item.run()
  }

  #close(): void {
    this.isOpen = false
    this.renderRoot.querySelector<HTMLElement>('.opener')?.focus()
  }

  #key(event: KeyboardEvent): void {
    if (!this.isOpen) return
    const buttons = this.#buttons()
    const at = buttons.findIndex((button) => button.matches(':focus'))
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: -1 }[event.key]
    if (to !== undefined) buttons.at(to % buttons.length)?.focus()
    else if (event.key === 'Escape') this.#close()
    else return
    event.preventDefault()
  }
}

customElements.define('page-menu', PageMenu)
