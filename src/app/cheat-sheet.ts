import { css, html, LitElement, type CSSResult, type TemplateResult } from 'lit'

/** Media query of windows so narrow that the side panel covers the terminal; side-panel.css has it, too. */
export const COVERED = '(max-width: 48em)'

const groups: readonly {
  readonly title: string
  readonly rows: readonly (readonly [string, string])[]
}[] = [
  {
    title: 'First steps',
    rows: [
      ['docker run hello-world', 'Is everything there?'],
      ['docker run -it --rm busybox sh', 'A shell in a container'],
      ['docker run -it --rm debian:12-slim bash', 'A small Debian'],
    ],
  },
  {
    title: 'Containers',
    rows: [
      ['docker ps -a', 'List them, stopped ones too'],
      ['docker run -d --name web busybox sleep 1000', 'Start one in the background'],
      ['docker exec -it web sh', 'Look inside'],
      ['docker logs -f web', 'Follow its output'],
      ['docker stop web && docker rm web', 'Stop and remove it'],
    ],
  },
  {
    title: 'Limits',
    rows: [
      [
        'docker run --rm -m 32m --pids-limit 20 busybox cat /sys/fs/cgroup/memory.max',
        'Memory and processes',
      ],
      [
        'docker run --rm --cpus 0.25 busybox sh -c "time seq 100000 >/dev/null"',
        'A quarter of a CPU',
      ],
    ],
  },
]

const keys: readonly (readonly [string, string])[] = [
  ['Ctrl-C', 'End the program'],
  ['Ctrl-P Ctrl-Q', 'Leave a container, which runs on'],
  ['Ctrl-Shift-C, Ctrl-Shift-V', 'Copy, paste'],
  ['Tab', 'Complete a command, a flag or a name'],
  ['F6', 'From the terminal to the buttons above, from a side view back'],
]

/** Commands to try; a click types one. Fires `command` with the text. */
export class CheatSheet extends LitElement {
  static override styles: CSSResult = css`
    :host {
      display: block;
      box-sizing: border-box;
      padding: 0.4em 1.1em 1.1em;
      overflow: auto;
    }
    h2 {
      margin: 1em 0 0.4em;
      font-size: 1em;
    }
    p {
      margin: 0.2em 0 0.6em;
      color: var(--muted);
    }
    button {
      display: block;
      width: 100%;
      margin: 0.25em 0;
      padding: 0.45em 0.6em;
      border: 1px solid var(--line);
      border-radius: 6px;
      background: var(--ground);
      color: inherit;
      font: inherit;
      text-align: left;
      cursor: pointer;
    }
    button:hover,
    button:focus-visible {
      border-color: var(--accent);
    }
    dl {
      display: grid;
      grid-template-columns: auto 1fr;
      gap: 0.25em 1em;
      margin: 0.4em 0;
    }
    dd {
      margin: 0;
      color: var(--muted);
    }
    code {
      display: block;
      color: var(--accent);
      overflow-wrap: anywhere;
    }
    span {
      color: var(--muted);
    }
  `

  override render(): TemplateResult {
    return html`
      <h2>This is a real Linux machine</h2>
      <p>It runs in this tab. Click a command to type it, then press Enter.</p>
      ${groups.map(
        ({ title, rows }) => html`
          <h2>${title}</h2>
          ${rows.map(
            ([command, purpose]) => html`
              <button @click=${() => this.#choose(command)}>
                <code>${command}</code><span>${purpose}</span>
              </button>
            `,
          )}
        `,
      )}
      <h2>Keys</h2>
      <dl>
        ${keys.map(
          ([key, purpose]) =>
            html`<dt>${key}</dt>
              <dd>${purpose}</dd>`,
        )}
      </dl>
    `
  }

  #choose(command: string): void {
    this.dispatchEvent(new CustomEvent('command', { detail: command }))
  }
}

customElements.define('cheat-sheet', CheatSheet)
