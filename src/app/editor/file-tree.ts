import { html, LitElement, nothing, type TemplateResult } from 'lit'
import { visible } from './paths.ts'
import type { TreeRow } from './tree-model.ts'

/**
 * The files of the home. Fires `pick` with a row that was clicked or entered, `choose` with one the keys went to, `rename` and
 * `remove` with one whose key was pressed, `files` with what was dropped and the row below it.
 */
export class FileTree extends LitElement {
  static override properties = {
    rows: { attribute: false },
    selected: { attribute: false },
    unsaved: { attribute: false },
    target: { state: true },
  }
  declare rows: readonly TreeRow[]
  /** A path. */
  declare selected: string | undefined
  /** Paths. */
  declare unsaved: ReadonlySet<string>
  /** Where what is dragged would go. */
  declare target: string | undefined

  protected override createRenderRoot(): this {
    return this
  }

  override render(): TemplateResult {
    const focusable = this.rows.some(({ path }) => path === this.selected)
      ? this.selected
      : this.rows[0]?.path
    return html`
      <div
        class="rows ${this.target === '' ? 'target' : ''}"
        role="tree"
        aria-label="Files of the home"
        @keydown=${(event: KeyboardEvent) => this.#key(event)}
        @dragover=${(event: DragEvent) => this.#over(event)}
        @dragleave=${() => (this.target = undefined)}
        @drop=${(event: DragEvent) => this.#drop(event)}
      >
        ${this.rows.map((row) => this.#row(row, row.path === focusable))}
        ${this.rows.length === 0 ? html`<p>No files yet. Make one, or drop some here.</p>` : nothing}
      </div>
    `
  }

  #row(row: TreeRow, isFocusable: boolean): TemplateResult {
    const { path, name, kind, level, isOpen, target } = row
    const isFolder = kind === 'directory'
    const hint = target === undefined ? '' : ` → ${visible(target)}`
    return html`<div
      role="treeitem"
      class="row ${kind} ${this.target === path ? 'target' : ''}"
      style="--level: ${level - 1}"
      data-path=${path}
      tabindex=${isFocusable ? 0 : -1}
      aria-level=${level}
      aria-selected=${path === this.selected}
      aria-expanded=${isFolder ? isOpen : nothing}
      title=${visible(name) + hint}
      @click=${() => this.#tell('pick', row)}
    >
      <span class="mark" aria-hidden="true">${isFolder ? (isOpen ? '▾' : '▸') : ''}</span
      ><span class="name">${visible(name)}</span>${
        this.unsaved.has(path) ? html`<span class="unsaved" title="Not saved">●</span>` : nothing
      }
    </div>`
  }

  #tell(type: string, detail: unknown): void {
    this.dispatchEvent(new CustomEvent(type, { detail }))
  }

  #key(event: KeyboardEvent): void {
    const at = this.rows.findIndex(({ path }) => path === this.selected)
    const row = this.rows[at]
    const go = (to: number): void => {
      const next = this.rows[Math.min(this.rows.length - 1, Math.max(0, to))]
      if (!next) return
      this.#tell('choose', next)
      void this.updateComplete.then(() =>
        this.querySelector<HTMLElement>('.row[tabindex="0"]')?.focus(),
      )
    }
    const isFolder = row?.kind === 'directory'
    switch (event.key) {
      case 'ArrowDown':
        go(at + 1)
        break
      case 'ArrowUp':
        go(at - 1)
        break
      case 'Home':
        go(0)
        break
      case 'End':
        go(this.rows.length - 1)
        break
      case 'ArrowRight':
        if (isFolder && !row.isOpen) this.#tell('pick', row)
        else go(at + 1)
        break
      case 'ArrowLeft':
        if (isFolder && row.isOpen) this.#tell('pick', row)
        else if (row)
          go(this.rows.findLastIndex(({ level }, index) => index < at && level < row.level))
        break
      case 'Enter':
      case ' ':
        if (row) this.#tell('pick', row)
        break
      case 'F2':
        if (row) this.#tell('rename', row)
        break
      case 'Delete':
        if (row) this.#tell('remove', row)
        break
      default:
        return
    }
    event.preventDefault()
    event.stopPropagation()
  }

  #rowAt(event: DragEvent): TreeRow | undefined {
    const element = event.target instanceof Element ? event.target.closest('.row') : null
    return element instanceof HTMLElement
      ? this.rows.find(({ path }) => path === element.dataset['path'])
      : undefined
  }

  #over(event: DragEvent): void {
    if (!event.dataTransfer?.types.includes('Files')) return
    event.preventDefault()
    event.dataTransfer.dropEffect = 'copy'
    this.target = this.#rowAt(event)?.path ?? ''
  }

  #drop(event: DragEvent): void {
    event.preventDefault()
    this.target = undefined
    const files = [...(event.dataTransfer?.files ?? [])]
    if (files.length > 0) this.#tell('files', { files, row: this.#rowAt(event) })
  }
}

customElements.define('file-tree', FileTree)
