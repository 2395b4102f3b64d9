/** The tree of a Go template (Go's text/template/parse), as far as Docker's `--format` meets it. */

/** Where a node stands in its source, for error messages. */
export interface Place {
  /** Offset in the template's text. */
  readonly at: number
  /** As written: `.State.Status`. */
  readonly source: string
}

export type Operand = Place &
  (
    | { readonly kind: 'dot' }
    | { readonly kind: 'nil' }
    | { readonly kind: 'literal'; readonly value: string | number | boolean }
    | { readonly kind: 'field'; readonly path: readonly string[] }
    /** `$` is the variable of the empty name. */
    | { readonly kind: 'variable'; readonly name: string; readonly path: readonly string[] }
    | { readonly kind: 'function'; readonly name: string }
    | { readonly kind: 'pipe'; readonly pipe: Pipe; readonly path: readonly string[] }
  )

export interface Command extends Place {
  readonly operands: readonly Operand[]
}

export interface Pipe extends Place {
  /** Variables that the pipe sets: none, one, or two in a `range`. */
  readonly variables: readonly string[]
  /** `=` instead of `:=`. */
  readonly assigns: boolean
  readonly commands: readonly Command[]
}

export type Node =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'action'; readonly pipe: Pipe }
  | {
      readonly kind: 'if' | 'with' | 'range'
      readonly pipe: Pipe
      readonly body: readonly Node[]
      readonly otherwise: readonly Node[]
    }
  | { readonly kind: 'template'; readonly name: string; readonly pipe?: Pipe; readonly at: number }
  | { readonly kind: 'break' | 'continue' }

export interface Template {
  readonly text: string
  readonly body: readonly Node[]
  /** What `define` and `block` named. */
  readonly named: ReadonlyMap<string, readonly Node[]>
}

/** A template that can't be read or executed; the message is Go's: `template: :1:2: executing "" at <.X>: …`. */
export class TemplateError extends Error {
  override readonly name = 'TemplateError'
}
