import { css, html, LitElement, nothing, type CSSResultGroup, type TemplateResult } from 'lit'
import type { BridgeMessage, PageMessage } from '../link/preview-frame.ts'
import { previewOriginOf } from './preview-origin.ts'
import { plainButton } from './plain-button.ts'

/** Gives the engine's worker a channel; undefined: there is none any more. */
export type ConnectPreview = (port: number, channel: MessagePort | undefined) => Promise<void>

/** Milliseconds for the bridge to say that it is there. */
const BRIDGE_TIME = 20_000
/** New channels within `CHANNELS_TIME` milliseconds, at most: a hostile page can ask for any number. */
const CHANNELS = 20
const CHANNELS_TIME = 10_000
const PATH_MAX = 8192

/** What it may do; never navigate the page around it (HTML, 7.1.5). */
const SANDBOX =
  'allow-scripts allow-same-origin allow-forms allow-downloads allow-modals allow-popups'

/**
 * A container's page in a frame, with its address above. What comes from the frame is a stranger's: it may say where it is, and that
 * it wants a channel, which can do nothing but ask that one port.
 */
export class PreviewPane extends LitElement {
  static override properties = {
    port: { attribute: false },
    container: { attribute: false },
    origin: { state: true },
    path: { state: true },
    draft: { state: true },
    trouble: { state: true },
  }
  declare port: number
  /** Name of the container that publishes the port; undefined: none does now. */
  declare container: string | undefined
  declare origin: string | undefined
  declare path: string
  /** What the visitor types, and has not sent. */
  declare draft: string | undefined
  declare trouble: string | undefined

  /** Set by whoever creates it, before it is shown. */
  connect: ConnectPreview = () => Promise.resolve()
  readonly #stop = new AbortController()
  #timer: ReturnType<typeof setTimeout> | undefined
  #channels: readonly number[] = []

  static override styles: CSSResultGroup = [
    plainButton,
    css`
      :host {
        display: grid;
        grid-template-rows: auto auto minmax(0, 1fr);
        grid-template-columns: minmax(0, 1fr);
        background: var(--ground);
      }
      form {
        display: flex;
        grid-row: 1;
        gap: 0.4em;
        align-items: center;
        padding: 0.3em 0.5em;
        border-bottom: 1px solid var(--line);
      }
      label {
        display: flex;
        flex: 1;
        align-items: center;
        min-width: 0;
        padding: 0 0.6em;
        border: 1px solid var(--line);
        border-radius: 6px;
        background: var(--raised);
      }
      label:focus-within {
        border-color: var(--accent);
      }
      label span {
        color: var(--muted);
      }
      input {
        flex: 1;
        min-width: 0;
        padding: 0.25em 0;
        border: 0;
        outline: 0;
        background: none;
        color: var(--text);
        font: inherit;
      }
      form button {
        border-color: transparent;
      }
      .notice {
        grid-row: 2;
        margin: 0;
        padding: 0.5em 0.9em;
        border-bottom: 1px solid var(--line);
        border-left: 5px solid var(--warn);
        background: var(--raised);
      }
      iframe {
        grid-row: 3;
        width: 100%;
        height: 100%;
        border: 0;
        background: #fff;
      }
    `,
  ]

  constructor() {
    super()
    this.path = '/'
  }

  override connectedCallback(): void {
    super.connectedCallback()
    addEventListener('message', (event) => this.#take(event), { signal: this.#stop.signal })
    void this.#start()
  }

  override render(): TemplateResult {
    return html`
      <form @submit=${(event: SubmitEvent) => this.#go(event)}>
        <button type="button" title="Reload" aria-label="Reload" @click=${() => this.reload()}>
          ⟳
        </button>
        <label>
          <span>localhost:${this.port}</span>
          <input
            aria-label="Path on localhost:${this.port}"
            spellcheck="false"
            autocomplete="off"
            .value=${this.draft ?? this.path}
            @input=${(event: InputEvent) => this.#type(event)}
            @blur=${() => this.#leave()}
          />
        </label>
      </form>
      ${this.#notice === undefined ? nothing : html`<p class="notice" role="alert">${this.#notice}</p>`}
      ${
        this.origin === undefined
          ? nothing
          : html`<iframe
              title="Page of the container on port ${this.port}"
              sandbox=${SANDBOX}
              referrerpolicy="no-referrer"
              src="${this.origin}/__bridge/"
            ></iframe>`
      }
    `
  }

  reload(): void {
    this.#tell({ page: 'reload' })
  }

  /** The visitor closed it: nothing is served any more. */
  close(): void {
    clearTimeout(this.#timer)
    this.#stop.abort()
    void this.connect(this.port, undefined)
  }

  get #notice(): string | undefined {
    if (this.trouble !== undefined) return this.trouble
    return this.container === undefined
      ? `No running container publishes port ${this.port} now. The page comes back when one does.`
      : undefined
  }

  async #start(): Promise<void> {
    try {
      this.origin = await previewOriginOf(this.port)
      this.#timer = setTimeout(() => {
        this.trouble = `The preview’s address, ${this.origin}, does not answer. Its server may be stopped, or the name unknown here.`
      }, BRIDGE_TIME)
    } catch (error) {
      this.trouble = error instanceof Error ? error.message : String(error)
    }
  }

  get #frame(): Window | null | undefined {
    return this.renderRoot.querySelector('iframe')?.contentWindow
  }

  #tell(message: PageMessage, transfer: Transferable[] = []): void {
    if (this.origin !== undefined) this.#frame?.postMessage(message, this.origin, transfer)
  }

  #go(event: SubmitEvent): void {
    event.preventDefault()
    const path = (this.draft ?? this.path).trim()
    this.draft = undefined
    // Who pastes a whole address means its path.
    this.path = `/${path.replace(/^https?:\/\/[^/]*/, '').replace(/^[/\\]+/, '')}`
    this.#tell({ page: 'go', path: this.path })
  }

  #type({ target }: InputEvent): void {
    if (target instanceof HTMLInputElement) this.draft = target.value
  }

  /** A draft that was left unsent gives way to where the page is. */
  #leave(): void {
    this.draft = undefined
  }

  #take(event: MessageEvent<unknown>): void {
    if (event.origin !== this.origin || event.source !== this.#frame) return
    const message = parse(event.data)
    switch (message?.bridge) {
      case undefined:
        return
      case 'ready':
        void this.#serve()
        return
      case 'failed':
        clearTimeout(this.#timer)
        this.trouble = `This browser doesn’t let the preview run: ${message.message}. It may block the data of other sites in frames.`
        return
      case 'location':
        this.path = message.path
    }
  }

  async #serve(): Promise<void> {
    const now = performance.now()
    const recent = this.#channels.filter((time) => time > now - CHANNELS_TIME)
    if (recent.length >= CHANNELS) return
    this.#channels = [...recent, now]
    clearTimeout(this.#timer)
    const { port1, port2 } = new MessageChannel()
    try {
      await this.connect(this.port, port1)
      this.trouble = undefined
      this.#tell({ page: 'channel', path: this.path }, [port2])
    } catch (error) {
      this.trouble = error instanceof Error ? error.message : String(error)
    }
  }
}

/** A stranger's words, or undefined when they are none. */
function parse(data: unknown): BridgeMessage | undefined {
  if (typeof data !== 'object' || data === null) return undefined
  const { bridge, message, path } = data as Readonly<Record<string, unknown>>
  if (bridge === 'ready') return { bridge }
  if (bridge === 'failed' && typeof message === 'string') {
    return { bridge, message: message.slice(0, 200) }
  }
  if (bridge === 'location' && typeof path === 'string' && path.startsWith('/')) {
    return path.length <= PATH_MAX ? { bridge, path } : undefined
  }
  return undefined
}

customElements.define('preview-pane', PreviewPane)
