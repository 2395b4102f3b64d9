import { css, html, LitElement, nothing, type CSSResult, type TemplateResult } from 'lit'
import type { PlaygroundStatus, PullStatus } from '../link/playground.ts'

const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)

/** One line that says what the machine is doing. */
export class StatusLine extends LitElement {
  static override properties = { status: { attribute: false } }
  declare status: PlaygroundStatus | undefined

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
    .right {
      margin-left: auto;
    }
  `

  override render(): TemplateResult {
    const { status } = this
    if (!status) return html`<span class="state"><span class="dot"></span>Starting</span>`
    return html`
      <span class="state ${status.machine.phase}" role="status">
        <span class="dot"></span>${this.#machine(status)}
      </span>
      ${status.pulls.map((pull) => this.#pull(pull))}
      <span class="right">${this.#counts(status)}</span>
      ${
        status.storage
          ? html`<span title="Kept by this browser for this site, and how much it allows">
              ${megabytes(status.storage.usedBytes)} MB stored
            </span>`
          : nothing
      }
    `
  }

  #machine({ machine }: PlaygroundStatus): TemplateResult {
    switch (machine.phase) {
      case 'loading':
        return html`Loading the machine
          <progress .value=${machine.loadedBytes} max=${machine.totalBytes || 1}></progress>
          ${megabytes(machine.loadedBytes)} of ${megabytes(machine.totalBytes)} MB`
      case 'starting':
        return html`Starting the machine`
      case 'running':
        return html`Linux ${machine.kernel} running`
      case 'lost':
        return html`The machine was lost: ${machine.reason}. Starting another`
    }
  }

  #pull({ image, doneBytes, totalBytes }: PullStatus): TemplateResult {
    return html`<span>
      Pulling ${image}
      <progress .value=${doneBytes} max=${totalBytes || 1}></progress>
      ${totalBytes > 0 ? html`${megabytes(doneBytes)} of ${megabytes(totalBytes)} MB` : nothing}
    </span>`
  }

  #counts({ machine, containers, images }: PlaygroundStatus): TemplateResult | typeof nothing {
    if (machine.phase === 'loading') return nothing
    const plural = (count: number, noun: string): string =>
      `${count} ${noun}${count === 1 ? '' : 's'}`
    return html`${plural(containers.running, 'container')} running ·
    ${plural(containers.total, 'container')} · ${plural(images, 'image')}`
  }
}

customElements.define('status-line', StatusLine)
