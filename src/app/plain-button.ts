import { css, type CSSResult } from 'lit'

/** A button on whatever ground it stands. */
export const plainButton: CSSResult = css`
  button {
    padding: 0.25em 0.7em;
    border: 1px solid var(--line);
    border-radius: 6px;
    background: none;
    color: inherit;
    font: inherit;
    cursor: pointer;
  }
  button:hover {
    background: var(--line);
  }
  button:focus-visible {
    outline: 2px solid var(--accent);
  }
`
