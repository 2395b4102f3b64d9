import { html, nothing, type TemplateResult } from 'lit'

/** What the editor says or asks, in a row above the text. */
export interface Question {
  readonly text: string
  readonly tone: 'notice' | 'trouble'
  /** A name to be typed, and what is there before. */
  readonly input?: string
  readonly answers: readonly {
    readonly label: string
    /** Takes what was typed. A promise keeps nobody waiting; its failure is told. */
    readonly run: (typed: string) => unknown
  }[]
}

/**
 * @param answer told of the answer that was chosen and what was typed
 * @param dismiss the visitor wants none of it
 */
export const questionRow = (
  { text, tone, input, answers }: Question,
  answer: (run: (typed: string) => unknown, typed: string) => void,
  dismiss: () => void,
): TemplateResult => {
  const typed = (target: EventTarget | null): string =>
    target instanceof Element
      ? (target.closest('form')?.querySelector<HTMLInputElement>('input')?.value ?? '')
      : ''
  return html`<form
    class="question ${tone}"
    role=${tone === 'trouble' ? 'alert' : 'status'}
    @submit=${(event: SubmitEvent) => {
      event.preventDefault()
      const [first] = answers
      if (first) answer(first.run, typed(event.target))
      else dismiss()
    }}
    @keydown=${(event: KeyboardEvent) => {
      if (event.key === 'Escape') dismiss()
    }}
  >
    <label
      >${text}
      ${
        input === undefined
          ? nothing
          : html`<input .value=${input} autocomplete="off" spellcheck="false" aria-label="Name" />`
      }</label
    >
    ${answers.map(
      ({ label, run }, at) =>
        html`<button
          type=${at === 0 ? 'submit' : 'button'}
          @click=${(event: MouseEvent) => {
            if (at > 0) answer(run, typed(event.target))
          }}
        >
          ${label}
        </button>`,
    )}
    <button type="button" class="plain" @click=${dismiss}>
      ${answers.length > 0 ? 'Cancel' : 'OK'}
    </button>
  </form>`
}
