import { css, html, LitElement, nothing, type CSSResultGroup, type TemplateResult } from 'lit'
import type { PlaygroundStatus } from '../link/playground.ts'
import { plainButton } from './plain-button.ts'
import type { EngineSummary } from './watch-engine.ts'

/** Says what to do when the browser's storage is full; asks the browser to keep what is stored. */
export class StorageNotice extends LitElement {
  static override properties = { status: { attribute: false }, engine: { attribute: false } }
  declare status: PlaygroundStatus | undefined
  declare engine: EngineSummary | undefined
  #asked = false

  static override styles: CSSResultGroup = [
    plainButton,
    css`
      div {
        display: flex;
        flex-wrap: wrap;
        gap: 0.4em 1em;
        align-items: center;
        padding: 0.6em 0.9em;
        background: var(--raised);
        border-top: 2px solid var(--bad);
        color: var(--text);
      }
      p {
        flex: 1 1 24em;
        margin: 0;
      }
    `,
  ]

  protected override updated(): void {
    // Once there is something worth keeping: Firefox shows a question of its own.
    if (this.#asked || (this.engine?.containers ?? 0) === 0) return
    this.#asked = true
    // Absent in insecure contexts; a refusal is shown by the status line.
    void globalThis.navigator.storage?.persist?.().catch(() => false)
  }

  override render(): TemplateResult | typeof nothing {
    const trouble = this.status?.trouble
    if (trouble === undefined) return nothing
    return html`<div role="alert">
      <p>
        <strong>Paused: ${trouble}.</strong> Containers wait where they are and nothing is lost.
        They go on as soon as there is room: remove containers, volumes and images that you don't
        need.
      </p>
      ${['docker system df', 'docker system prune'].map(
        (command) =>
          html`<button title="Type it into the shell" @click=${() => this.#type(command)}>
            ${command}
          </button>`,
      )}
    </div>`
  }

  #type(command: string): void {
    this.dispatchEvent(new CustomEvent('command', { detail: command }))
  }
}

customElements.define('storage-notice', StorageNotice)
