import { css, html, LitElement, nothing, type CSSResult, type TemplateResult } from 'lit'
import type { Banners } from './banners.ts'

/** What the visitor must know now, above the terminals, with what they can do about it. */
export class PageBanners extends LitElement {
  static override properties = {
    banners: { attribute: false },
    /** Changes whenever something of `banners` does, which stays the same object. */
    state: { attribute: false },
  }
  declare banners: Banners
  declare state: unknown

  static override styles: CSSResult = css`
    div {
      display: flex;
      flex-wrap: wrap;
      gap: 0.4em 1em;
      align-items: center;
      padding: 0.45em 0.9em;
      border-bottom: 1px solid var(--line);
      border-left: 5px solid var(--accent);
      background: var(--raised);
    }
    .warning {
      border-left-color: var(--warn);
    }
    .trouble {
      border-left-color: var(--bad);
    }
    p {
      flex: 1 1 20em;
      margin: 0;
    }
    button {
      padding: 0.25em 0.8em;
      border: 1px solid var(--line);
      border-radius: 6px;
      background: var(--ground);
      color: inherit;
      font: inherit;
      cursor: pointer;
    }
    button:hover {
      border-color: var(--accent);
    }
    button:focus-visible {
      outline: 2px solid var(--accent);
    }
    .hide {
      border-color: transparent;
      background: none;
    }
  `

  override render(): readonly TemplateResult[] {
    return this.banners.all.map(
      ({ id, tone, text, actions = [], isLasting }) => html`
        <div class=${tone} role=${tone === 'notice' ? 'status' : 'alert'}>
          <p>${text}</p>
          ${actions.map(({ label, run }) => html`<button @click=${() => run()}>${label}</button>`)}
          ${
            isLasting
              ? nothing
              : html`<button
                  class="hide"
                  aria-label="Hide this message"
                  title="Hide"
                  @click=${() => this.banners.hide(id)}
                >
                  ×
                </button>`
          }
        </div>
      `,
    )
  }
}

customElements.define('page-banners', PageBanners)
