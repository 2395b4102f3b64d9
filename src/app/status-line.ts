import { css, html, LitElement, nothing, type CSSResult, type TemplateResult } from 'lit'
import type { PlaygroundStatus, PullStatus } from '../link/playground.ts'
import type { PublishedPort } from '../link/preview.ts'
import type { EngineSummary } from './watch-engine.ts'

const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)

const size = (bytes: number): string =>
  bytes < 1e9 ? `${megabytes(bytes)} MB` : `${(bytes / 1e9).toFixed(1)} GB`

/** One line that says what the machine is doing. */
export class StatusLine extends LitElement {
  static override properties = {
    status: { attribute: false },
    engine: { attribute: false },
    stopped: { attribute: false },
  }
  declare status: PlaygroundStatus | undefined
  /** Undefined until the engine has told. */
  declare engine: EngineSummary | undefined
  /** The page gave up: see its message. */
  declare stopped: boolean

  static override styles: CSSResult = css`
    :host {
      display: flex;
      gap: 1.5em;
      align-items: center;
      min-height: 1.9em;
      padding: 0 0.9em;
      background: var(--raised);
      border-top: 1px solid var(--line);
      color: var(--muted);
      white-space: nowrap;
      overflow: hidden;
    }
    .state {
      color: var(--text);
    }
    .dot {
      display: inline-block;
      width: 0.65em;
      height: 0.65em;
      margin-right: 0.5em;
      border-radius: 50%;
      background: var(--warn);
    }
    .running .dot {
      background: var(--good);
    }
    .lost .dot {
      background: var(--bad);
    }
    progress {
      width: 9em;
      height: 0.6em;
      accent-color: var(--accent);
    }
    span,
    button {
      flex: none;
    }
    button {
      padding: 0.05em 0.7em;
      border: 1px solid var(--line);
      border-radius: 6px;
      background: var(--ground);
      color: var(--accent);
      font: inherit;
      cursor: pointer;
    }
    button:hover {
      border-color: var(--accent);
    }
    button:focus-visible {
      outline: 2px solid var(--accent);
    }
    .right {
      flex: 0 1 auto;
      min-width: 0;
      margin-left: auto;
      overflow: hidden;
      text-overflow: ellipsis;
    }
  `

  override render(): TemplateResult {
    const { status } = this
    if (this.stopped) return this.#state('lost', 'Not running')
    if (!status) return this.#state('loading', 'Starting')
    return html`
      ${this.#state(status.trouble === undefined ? status.machine.phase : 'lost', this.#machine(status))}
      ${status.pulls.map((pull) => this.#pull(pull))}
      ${this.engine?.ports.map((published) => this.#port(published))}
      <span class="right">${this.#counts()}</span>
      ${
        status.closed === undefined
          ? nothing
          : html`<span title=${status.closed}>No Internet for containers</span>`
      }
      ${
        status.storage
          ? html`<span
              title=${
                status.storage.persisted
                  ? 'Kept by this browser until you clear it'
                  : 'Kept by this browser, which may clear it when the disk is nearly full'
              }
            >
              ${size(status.storage.usedBytes)} stored, ${size(status.storage.freeBytes)} free
            </span>`
          : nothing
      }
    `
  }

  #state(phase: string, text: unknown): TemplateResult {
    return html`<span class="state ${phase}" role="status"><span class="dot"></span>${text}</span>`
  }

  #machine({ machine, trouble }: PlaygroundStatus): TemplateResult {
    switch (machine.phase) {
      case 'loading':
        return html`Loading the machine
          <progress .value=${machine.loadedBytes} max=${machine.totalBytes || 1}></progress>
          ${megabytes(machine.loadedBytes)} of ${megabytes(machine.totalBytes)} MB`
      case 'starting':
        return machine.after === undefined
          ? html`Starting the machine`
          : html`The machine was lost (${machine.after}). Starting another`
      case 'running':
        if (trouble !== undefined) return html`The storage is full: containers are paused`
        return html`Linux ${machine.kernel} running`
      case 'lost':
        return html`The machine was lost: ${machine.reason}`
    }
  }

  #pull({ image, doneBytes, totalBytes }: PullStatus): TemplateResult {
    return html`<span>
      Pulling ${image}
      <progress .value=${doneBytes} max=${totalBytes || 1}></progress>
      ${totalBytes > 0 ? html`${megabytes(doneBytes)} of ${megabytes(totalBytes)} MB` : nothing}
    </span>`
  }

  /** Fires `open-port` with the port. */
  #port({ port, container }: PublishedPort): TemplateResult {
    return html`<button
      title="Show the page of ${container} on localhost:${port}"
      @click=${() => this.dispatchEvent(new CustomEvent('open-port', { detail: port }))}
    >
      Open :${port}
    </button>`
  }

  #counts(): TemplateResult | typeof nothing {
    if (!this.engine) return nothing
    const { containers, running, images } = this.engine
    const plural = (count: number, noun: string): string =>
      `${count} ${noun}${count === 1 ? '' : 's'}`
    return html`${plural(containers, 'container')}, ${running} running · ${plural(images, 'image')}`
  }
}

customElements.define('status-line', StatusLine)
