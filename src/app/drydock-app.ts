import { html, LitElement, nothing, type PropertyValues, type TemplateResult } from 'lit'
import type { PlaygroundStatus } from '../link/playground.ts'
import './app.css'
import { COVERED } from './cheat-sheet.ts'
import {
  clampFontSize,
  readPreferences,
  storePreferences,
  type Preferences,
} from './preferences.ts'
import { PlaygroundConnection } from './playground-connection.ts'
import './status-line.ts'
import { TerminalView } from './terminal-view.ts'

interface Tab {
  readonly id: number
  readonly title: string
  readonly view: TerminalView
}

/** The page: tabs of shells, what to try beside them, a status line. */
export class DrydockApp extends LitElement {
  static override properties = {
    status: { state: true },
    failure: { state: true },
    tabs: { state: true },
    current: { state: true },
    preferences: { state: true },
    sheet: { state: true },
  }
  declare status: PlaygroundStatus | undefined
  declare failure: string | undefined
  declare tabs: readonly Tab[]
  declare current: number
  declare preferences: Preferences
  declare sheet: boolean

  readonly #connection = new PlaygroundConnection((status) => {
    this.status = status
  })
  #opened = 0
  #isOpen = false

  constructor() {
    super()
    this.tabs = []
    this.current = 0
    this.sheet = false
    this.preferences = readPreferences()
    this.#applyTheme()
  }

  /** xterm measures itself in the document, so the page is not in a shadow tree. */
  protected override createRenderRoot(): this {
    return this
  }

  override connectedCallback(): void {
    super.connectedCallback()
    this.#addTab()
    void this.#start()
  }

  async #start(): Promise<void> {
    try {
      await this.#connection.open()
      this.#isOpen = true
    } catch (error) {
      this.#fail(error)
    }
  }

  override render(): TemplateResult {
    return html`
      <header @click=${(event: MouseEvent) => this.#afterClick(event)}>
        <span class="brand"><img src="./icon.svg" alt="" /><span>Drydock</span></span>
        <nav aria-label="Shells">
          ${this.tabs.map(
            ({ id, title }) => html`
              <span class="tab ${id === this.current ? 'current' : ''}">
                <button aria-current=${id === this.current} @click=${() => this.#select(id)}>
                  ${title}
                </button>
                ${
                  this.tabs.length > 1
                    ? html`<button
                        class="close"
                        title="Close"
                        aria-label="Close ${title}"
                        @click=${() => this.#closeTab(id)}
                      >
                        ×
                      </button>`
                    : nothing
                }
              </span>
            `,
          )}
          <button aria-label="New shell" title="New shell" @click=${() => this.#addTab()}>+</button>
        </nav>
        <span class="tools">
          <button
            title="Smaller text"
            aria-label="Smaller text"
            @click=${() => this.#resizeText(-2)}
          >
            A−
          </button>
          <button title="Larger text" aria-label="Larger text" @click=${() => this.#resizeText(2)}>
            A+
          </button>
          <button
            title="Dark or light"
            aria-label="Dark or light"
            @click=${() => this.#toggleTheme()}
          >
            ${this.preferences.theme === 'dark' ? '☀' : '☾'}
          </button>
          <button
            title="Save diagnostics"
            aria-label="Save diagnostics"
            @click=${() => this.#saveDiagnostics()}
          >
            ⤓
          </button>
          <button aria-expanded=${this.sheet} @click=${() => this.#toggleSheet()}>Try this</button>
        </span>
      </header>
      <main>
        <div class="terminals"></div>
        ${
          this.sheet
            ? html`<cheat-sheet
                @command=${(event: CustomEvent<string>) => this.#type(event.detail)}
                @keydown=${(event: KeyboardEvent) => event.key === 'Escape' && this.#closeSheet()}
              ></cheat-sheet>`
            : nothing
        }
        ${
          this.failure === undefined
            ? nothing
            : html`<div class="failure" role="alert">
                <h1>${this.#isOpen ? 'Something went wrong' : "Drydock can't start here"}</h1>
                <p>${this.failure}</p>
                <button @click=${() => location.reload()}>Try again</button>
              </div>`
        }
      </main>
      <status-line .status=${this.status} .stopped=${this.failure !== undefined}></status-line>
    `
  }

  protected override updated(changed: PropertyValues): void {
    const box = this.querySelector('.terminals')
    for (const { id, view } of this.tabs) {
      if (view.element.parentElement !== box) box?.append(view.element)
      view.element.hidden = id !== this.current
    }
    const view = this.#view
    view?.show()
    if (this.failure !== undefined) {
      if (changed.has('failure')) this.querySelector<HTMLElement>('.failure button')?.focus()
    } else if (changed.has('current')) view?.focus()
  }

  get #view(): TerminalView | undefined {
    return this.tabs.find(({ id }) => id === this.current)?.view
  }

  /** Who clicked goes on typing; who pressed a key (`detail` 0) stays where they are. */
  #afterClick(event: MouseEvent): void {
    if (event.detail > 0 && this.failure === undefined) this.#view?.focus()
  }

  /** F6 goes round the parts of the page, as the terminal keeps Tab for the shell. */
  #leaveTerminal(): void {
    this.querySelector<HTMLElement>('header [aria-current="true"]')?.focus()
  }

  #addTab(): void {
    this.#opened++
    const tab: Tab = {
      id: this.#opened,
      title: `Shell ${this.#opened}`,
      view: new TerminalView(this.preferences, () => this.#leaveTerminal()),
    }
    this.tabs = [...this.tabs, tab]
    this.current = tab.id
    void this.updateComplete
      .then(() => this.#keepShell(tab))
      .catch((error: unknown) => this.#fail(error))
  }

  /** A shell that ends is followed by another, as on a console. */
  async #keepShell(tab: Tab): Promise<void> {
    if (tab.id === 1) {
      tab.view.print(
        'A Linux machine in this tab. A start: docker run hello-world. More: “Try this”, above.',
      )
    }
    while (this.tabs.includes(tab)) {
      try {
        const code = await tab.view.run((size, sink) => this.#connection.terminal(size, sink))
        if (!this.tabs.includes(tab)) return
        const isLost = this.status?.machine.phase !== 'running'
        if (code === 0 && this.tabs.length > 1 && !isLost) {
          this.#closeTab(tab.id)
          return
        }
        tab.view.print(
          isLost
            ? 'The machine was lost. Another one starts, with the same images and containers.'
            : `The shell ended (${code}). A new one starts.`,
        )
      } catch (error) {
        tab.view.print(`No shell: ${messageOf(error)}. Press a key to try again.`)
        await tab.view.key()
      }
    }
  }

  #closeTab(id: number): void {
    const tab = this.tabs.find((candidate) => candidate.id === id)
    this.tabs = this.tabs.filter((candidate) => candidate.id !== id)
    if (this.current === id) this.current = this.tabs.at(-1)?.id ?? 0
    void tab?.view[Symbol.asyncDispose]()
  }

  #select(id: number): void {
    this.current = id
    this.requestUpdate()
  }

  #type(command: string): void {
    if (matchMedia(COVERED).matches) this.sheet = false
    this.#view?.paste(command)
  }

  #closeSheet(): void {
    this.sheet = false
    this.#view?.focus()
  }

  #toggleSheet(): void {
    this.sheet = !this.sheet
  }

  #toggleTheme(): void {
    this.#prefer({
      ...this.preferences,
      theme: this.preferences.theme === 'dark' ? 'light' : 'dark',
    })
  }

  #resizeText(by: number): void {
    this.#prefer({ ...this.preferences, fontSize: clampFontSize(this.preferences.fontSize + by) })
  }

  #prefer(preferences: Preferences): void {
    this.preferences = preferences
    storePreferences(preferences)
    this.#applyTheme()
    for (const { view } of this.tabs) view.applyPreferences(preferences)
  }

  #applyTheme(): void {
    document.documentElement.dataset['theme'] = this.preferences.theme
  }

  #saveDiagnostics(): void {
    this.#connection
      .diagnostics()
      .then(download)
      .catch((error: unknown) => this.#fail(error))
  }

  #fail(error: unknown): void {
    this.failure = messageOf(error)
  }
}

const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error)

function download(text: string): void {
  const link = document.createElement('a')
  link.href = URL.createObjectURL(new Blob([text], { type: 'text/plain' }))
  link.download = 'drydock-diagnostics.txt'
  link.click()
  URL.revokeObjectURL(link.href)
}

customElements.define('drydock-app', DrydockApp)
