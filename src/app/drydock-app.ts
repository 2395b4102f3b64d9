import { html, LitElement, nothing, type PropertyValues, type TemplateResult } from 'lit'
import { dockerClient, type DockerClient } from '../client/client.ts'
import type { PlaygroundStatus } from '../link/playground.ts'
import './app.css'
import { Banners } from './banners.ts'
import { CheatSheet, COVERED } from './cheat-sheet.ts'
import './page-banners.ts'
import './page-menu.ts'
import type { FilesView } from './editor/files-view.ts'
import type { MenuItem } from './page-menu.ts'
import { stopOfDeparture, stopOfFailure, wantsTakeOver, type PageStop } from './page-stop.ts'
import { PanelViews, type PanelView } from './panel-views.ts'
import {
  clampFontSize,
  readPreferences,
  storePreferences,
  type Preferences,
} from './preferences.ts'
import { PlaygroundConnection } from './playground-connection.ts'
import { saveFile } from './save-file.ts'
import { Previews } from './previews.ts'
import './side-panel.ts'
import './status-line.ts'
import './storage-notice.ts'
import { PlaygroundTransfer } from './transfer.ts'
import { TerminalView } from './terminal-view.ts'
import { watchEngine, type EngineSummary } from './watch-engine.ts'

interface Tab {
  readonly id: number
  readonly title: string
  readonly view: TerminalView
}

/** The page: tabs of shells, views beside them, a status line. */
export class DrydockApp extends LitElement {
  static override properties = {
    status: { state: true },
    engine: { state: true },
    failure: { state: true },
    tabs: { state: true },
    current: { state: true },
    preferences: { state: true },
  }
  declare status: PlaygroundStatus | undefined
  declare engine: EngineSummary | undefined
  /** Anything that was thrown. */
  declare failure: unknown
  declare tabs: readonly Tab[]
  declare current: number
  declare preferences: Preferences

  readonly #connection = new PlaygroundConnection((status) => {
    this.status = status
  })
  /** Of the engine in this page; undefined until it is open. */
  docker: DockerClient | undefined
  readonly #views = new PanelViews(this)
  readonly #previews = new Previews(this.#views, (port, channel) =>
    this.#connection.preview(port, channel),
  )
  readonly #banners = new Banners(this)
  readonly #transfer = new PlaygroundTransfer(this.#connection, this.#banners)
  readonly #sheet = this.#cheatSheet()
  #files: FilesView | undefined
  #opened = 0
  #isOpen = false

  constructor() {
    super()
    this.tabs = []
    this.current = 0
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
      await this.#connection.open({ takeOver: wantsTakeOver() })
      this.#isOpen = true
      const { handler } = await this.#connection.engine()
      this.docker = dockerClient(handler)
      this.#previews.restore()
      await watchEngine(this.docker, (summary) => {
        this.engine = summary
        this.#previews.ports = summary.ports
      })
    } catch (error) {
      // The page says already why the engine has gone.
      if (!this.#stop) this.#fail(error)
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
          <button aria-expanded=${this.#views.isShown('files')} @click=${() => this.#toggleFiles()}>
            Files
          </button>
          ${this.#viewButton(this.#sheet)}
          <page-menu .items=${this.#menu}></page-menu>
        </span>
      </header>
      <page-banners .banners=${this.#banners} .state=${this.#banners.all}></page-banners>
      <main>
        <div class="terminals"></div>
        <side-panel
          .views=${this.#views}
          .state=${{}}
          .width=${this.preferences.panelWidth}
          @resized=${({ detail }: CustomEvent<number>) => this.#prefer({ ...this.preferences, panelWidth: detail })}
          @keydown=${(event: KeyboardEvent) => this.#leavePanel(event)}
        ></side-panel>
        ${this.#stopped()}
      </main>
      <storage-notice
        .status=${this.status}
        .engine=${this.engine}
        @command=${(event: CustomEvent<string>) => this.#type(event.detail)}
      ></storage-notice>
      <status-line
        .status=${this.status}
        .engine=${this.engine}
        .stopped=${this.#stop !== undefined}
        @open-port=${({ detail }: CustomEvent<number>) => this.#previews.open(detail)}
      ></status-line>
    `
  }

  /** Set when there is no playground in this page. */
  get #stop(): PageStop | undefined {
    const departure = this.status?.departure
    if (departure) return stopOfDeparture(departure)
    return this.failure === undefined ? undefined : stopOfFailure(this.failure, this.#isOpen)
  }

  #stopped(): TemplateResult | typeof nothing {
    const stop = this.#stop
    if (!stop) return nothing
    const { action } = stop
    return html`<div class="failure" role="alert">
      <h1>${stop.title}</h1>
      <p>${stop.text}</p>
      ${action ? html`<button @click=${() => action.run()}>${action.label}</button>` : nothing}
    </div>`
  }

  #viewButton(view: PanelView): TemplateResult {
    return html`<button
      aria-expanded=${this.#views.isShown(view.id)}
      @click=${() => this.#views.toggle(view)}
    >
      ${view.title}
    </button>`
  }

  get #menu(): readonly MenuItem[] {
    return [
      ...this.#transfer.menu,
      {
        label: 'Save diagnostics',
        hint: 'Log, timings and kernel messages, as a text file',
        run: () => this.#saveDiagnostics(),
      },
    ]
  }

  protected override updated(changed: PropertyValues): void {
    const box = this.querySelector('.terminals')
    for (const { id, view } of this.tabs) {
      if (view.element.parentElement !== box) box?.append(view.element)
      view.element.hidden = id !== this.current
    }
    const view = this.#view
    view?.show()
    if (this.#stop) {
      if (changed.has('failure') || this.status?.departure?.isOver)
        this.querySelector<HTMLElement>('.failure button')?.focus()
    } else if (changed.has('current')) view?.focus()
  }

  get #view(): TerminalView | undefined {
    return this.tabs.find(({ id }) => id === this.current)?.view
  }

  /** Who clicked goes on typing; who pressed a key (`detail` 0) stays where they are. */
  #afterClick(event: MouseEvent): void {
    if (event.detail > 0 && !this.#stop) this.#view?.focus()
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
        if (!this.tabs.includes(tab) || this.#stop) return
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
        if (this.#stop) return
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

  #cheatSheet(): PanelView {
    const element = new CheatSheet()
    element.addEventListener('command', (event) => {
      if (event instanceof CustomEvent) this.#type(String(event.detail))
    })
    return { id: 'sheet', title: 'Try this', element }
  }

  /** The editor is loaded when somebody asks for it. */
  #toggleFiles(): void {
    if (this.#views.isShown('files')) {
      this.#views.fold()
      return
    }
    import('./editor/files-view.ts')
      .then(({ FilesView: View }) => {
        this.#files ??= new View(this.#connection.files)
        this.#files.fontSize = this.preferences.fontSize
        this.#views.open({ id: 'files', title: 'Files', element: this.#files })
      })
      .catch((error: unknown) =>
        this.#banners.show({
          id: 'files',
          tone: 'trouble',
          text: `The editor could not be loaded: ${messageOf(error)}. Try again, or reload the page.`,
        }),
      )
  }

  #type(command: string): void {
    if (matchMedia(COVERED).matches) this.#views.fold()
    this.#view?.paste(command)
  }

  /** F6 leads back to the terminal, and so does Escape, unless a view has a use for it. */
  #leavePanel(event: KeyboardEvent): void {
    if (event.defaultPrevented || (event.key !== 'Escape' && event.key !== 'F6')) return
    event.preventDefault()
    if (event.key === 'Escape') this.#views.fold()
    this.#view?.focus()
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
    if (this.#files) this.#files.fontSize = preferences.fontSize
  }

  #applyTheme(): void {
    document.documentElement.dataset['theme'] = this.preferences.theme
  }

  #saveDiagnostics(): void {
    this.#connection
      .diagnostics()
      .then((text) => saveFile('drydock-diagnostics.txt', new Blob([text], { type: 'text/plain' })))
      .catch((error: unknown) => this.#fail(error))
  }

  #fail(error: unknown): void {
    this.failure = error
  }
}

const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error)

customElements.define('drydock-app', DrydockApp)
