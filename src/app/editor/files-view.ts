import { html, LitElement, nothing, type PropertyValues, type TemplateResult } from 'lit'
import { EngineError } from '../../core/error.ts'
import type { GuestFiles } from '../../link/guest-files.ts'
import { saveFile } from '../save-file.ts'
import { CodeEditor } from './code-editor.ts'
import { Editing } from './editing.ts'
import { blobOf, sourceOf } from './file-text.ts'
import './file-tree.ts'
import './files-view.css'
import { folderOf, HOME, isWithin, nameOf, nameTrouble, shown } from './paths.ts'
import { questionRow, type Question } from './question.ts'
import { TreeModel, type TreeRow } from './tree-model.ts'

/** Milliseconds between two looks at the files, while they are on the screen. */
const LOOK = 1000

/** The files of the shell's home and a text of them. In no shadow tree, as the editor measures itself in the document. */
export class FilesView extends LitElement {
  static override properties = {
    fontSize: { attribute: false },
    selected: { state: true },
    question: { state: true },
    progress: { state: true },
  }
  /** Of the text, in CSS pixels. */
  declare fontSize: number
  declare selected: string | undefined
  declare question: Question | undefined
  declare progress: string | undefined

  readonly #files: GuestFiles
  readonly #tree: TreeModel
  readonly #editor = new CodeEditor(() => this.requestUpdate())
  readonly #editing: Editing
  #life: AbortController | undefined

  constructor(files: GuestFiles) {
    super()
    this.#files = files
    this.#tree = new TreeModel(files, () => this.requestUpdate())
    this.#editing = new Editing(files, this.#editor, (question) => (this.question = question))
    this.fontSize = 14
  }

  protected override createRenderRoot(): this {
    return this
  }

  override connectedCallback(): void {
    super.connectedCallback()
    this.#life = new AbortController()
    const { signal } = this.#life
    this.addEventListener('keydown', (event) => this.#key(event), { signal })
    addEventListener(
      'beforeunload',
      (event) => {
        if (this.#editor.unsaved.size > 0) event.preventDefault()
      },
      { signal },
    )
    void this.#watch(signal)
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback()
    this.#life?.abort()
  }

  override render(): TemplateResult {
    const { current, unsaved } = this.#editor
    const row = this.#row
    return html`
      <div class="bar" role="toolbar" aria-label="Files">
        <button @click=${() => this.#askNew('file')}>New file</button>
        <button @click=${() => this.#askNew('folder')}>New folder</button>
        <button @click=${() => this.querySelector<HTMLElement>('input[type=file]')?.click()}>
          Upload
        </button>
        <input
          type="file"
          multiple
          hidden
          aria-label="Files to upload"
          @change=${(event: Event) => this.#chosen(event)}
        />
        <span class="gap"></span>
        <button ?disabled=${!row} @click=${() => row && this.#askRename(row)}>Rename</button>
        <button ?disabled=${!row} @click=${() => row && this.#askRemove(row)}>Delete</button>
        <button ?disabled=${row?.kind !== 'file'} @click=${() => row && this.#download(row)}>
          Download
        </button>
      </div>
      ${
        this.question
          ? questionRow(
              this.question,
              (run, typed) => this.#do(() => run(typed)),
              () => this.#dismiss(),
            )
          : nothing
      }
      ${this.progress === undefined ? nothing : html`<div class="progress" role="status">${this.progress}</div>`}
      <div class="panes">
        <file-tree
          .rows=${this.#tree.rows}
          .selected=${this.selected}
          .unsaved=${unsaved}
          @pick=${({ detail }: CustomEvent<TreeRow>) => this.#do(() => this.#pick(detail))}
          @choose=${({ detail }: CustomEvent<TreeRow>) => (this.selected = detail.path)}
          @rename=${({ detail }: CustomEvent<TreeRow>) => this.#askRename(detail)}
          @remove=${({ detail }: CustomEvent<TreeRow>) => this.#askRemove(detail)}
          @files=${({ detail }: CustomEvent<{ files: readonly File[]; row?: TreeRow }>) =>
            this.#do(() => this.#upload(detail.files, folderFor(detail.row)))}
        ></file-tree>
        <section class="text" aria-label="Editor">
          <div class="bar">
            <span class="path">${current === undefined ? '' : shown(current)}</span>
            ${
              current === undefined
                ? nothing
                : html`<button
                    ?disabled=${!unsaved.has(current)}
                    title="Ctrl-S"
                    @click=${() => this.#do(() => this.#editing.save(current))}
                  >
                    ${unsaved.has(current) ? 'Save' : 'Saved'}
                  </button>`
            }
          </div>
          <div class="place">
            ${current === undefined ? html`<p>Choose a file, or make one.</p>` : nothing}
          </div>
        </section>
      </div>
    `
  }

  protected override updated(changed: PropertyValues): void {
    const place = this.querySelector('.place')
    if (place && this.#editor.element.parentElement !== place) place.append(this.#editor.element)
    this.#editor.element.hidden = this.#editor.current === undefined
    if (changed.has('fontSize')) this.#editor.fontSize = this.fontSize
    if (changed.has('question') && this.question?.input !== undefined) {
      const input = this.querySelector<HTMLInputElement>('.question input')
      input?.focus()
      // Without its ending, as that mostly stays.
      const dot = this.question.input.lastIndexOf('.')
      input?.setSelectionRange(0, dot > 0 ? dot : this.question.input.length)
    }
  }

  get #row(): TreeRow | undefined {
    return this.#tree.rows.find(({ path }) => path === this.selected)
  }

  /** A failure is told, in its own words. */
  #do(work: () => unknown): void {
    this.question = undefined
    void (async () => {
      try {
        await work()
      } catch (error) {
        const text = error instanceof Error ? error.message : String(error)
        this.question = { tone: 'trouble', text, answers: [] }
      }
    })()
  }

  #dismiss(): void {
    this.question = undefined
    if (this.#editor.current === undefined) this.querySelector<HTMLElement>('.row')?.focus()
    else this.#editor.focus()
  }

  #key(event: KeyboardEvent): void {
    const { current } = this.#editor
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 's') {
      event.preventDefault()
      if (current !== undefined) this.#do(() => this.#editing.save(current))
    }
    // It closes what the editor shows of its own, not the panel.
    if (event.key === 'Escape') event.stopPropagation()
  }

  async #pick(row: TreeRow): Promise<void> {
    this.selected = row.path
    if (row.kind === 'directory') {
      if (row.isOpen) this.#tree.close(row.path)
      else await this.#tree.open(row.path)
      return
    }
    await this.#open(row.path)
  }

  /** A text that is open already takes keys at once. */
  async #open(path: string): Promise<void> {
    const opening = this.#editing.open(path)
    await this.updateComplete
    if (this.#editor.current === path) this.#editor.focus()
    await opening
    await this.updateComplete
    // Who went elsewhere meanwhile stays there.
    const isHere = document.activeElement === document.body || this.contains(document.activeElement)
    if (this.#editor.current === path && isHere) this.#editor.focus()
  }

  #askName(text: string, label: string, input: string, run: (name: string) => unknown): void {
    const ask = (said: string, name: string): void => {
      this.question = {
        tone: 'notice',
        text: said,
        input: name,
        answers: [
          {
            label,
            run: async (typed) => {
              const trouble = nameTrouble(typed)
              if (trouble === undefined) {
                try {
                  await run(typed)
                } catch (error) {
                  if (!(error instanceof EngineError)) throw error
                  ask(`${error.message} Another name:`, typed)
                }
              } else ask(`${trouble} ${text}`, typed)
            },
          },
        ],
      }
    }
    ask(text, input)
  }

  #askNew(kind: 'file' | 'folder'): void {
    const folder = folderFor(this.#row)
    this.#askName(`New ${kind} in ${shown(folder)}:`, 'Create', '', async (name) => {
      const path = `${folder}/${name}`
      if (kind === 'folder') await this.#files.makeDirectory(path)
      else await this.#files.write(path, sourceOf(''), 'nothing')
      await this.#tree.reveal(path)
      this.selected = path
      if (kind === 'folder') await this.#tree.open(path)
      else await this.#open(path)
    })
  }

  #askRename({ path, name }: TreeRow): void {
    this.#askName(`New name of ${shown(path)}:`, 'Rename', name, async (typed) => {
      if (typed === name) return
      const to = `${folderOf(path)}/${typed}`
      await this.#files.move(path, to)
      await this.#editing.moved(path, to)
      await this.#tree.reveal(to)
      this.selected = to
    })
  }

  #askRemove({ path, kind, target }: TreeRow): void {
    const isFolder = kind === 'directory' && target === undefined
    const hasUnsaved = [...this.#editor.unsaved].some((open) => isWithin(open, path))
    this.question = {
      tone: 'trouble',
      text: `Delete ${shown(path)}${isFolder ? ' and all that is in it' : ''}? ${hasUnsaved ? 'It has changes that are not saved. ' : ''}There is no way back.`,
      answers: [
        {
          label: 'Delete',
          run: async () => {
            await this.#files.remove(path)
            this.#editing.forget(path)
            this.selected = undefined
            await this.#tree.refresh()
          },
        },
      ],
    }
  }

  #download({ path, name }: TreeRow): void {
    this.#do(async () => saveFile(name, await blobOf(await this.#files.read(path))))
  }

  #chosen({ target }: Event): void {
    if (!(target instanceof HTMLInputElement)) return
    const files = [...(target.files ?? [])]
    target.value = ''
    this.#do(() => this.#upload(files, folderFor(this.#row)))
  }

  async #upload(files: readonly File[], folder: string): Promise<void> {
    const there: File[] = []
    for (const file of files) {
      const send = async (expected: 'nothing' | 'anything'): Promise<void> => {
        await this.#files.write(`${folder}/${file.name}`, this.#shownSource(file), expected)
      }
      try {
        await send('nothing')
      } catch (error) {
        if (isUnreadable(error)) throw new Error(unreadable(file.name), { cause: error })
        if (!(error instanceof EngineError) || error.code !== 'conflict') throw error
        there.push(file)
      } finally {
        this.progress = undefined
      }
    }
    await this.#tree.reveal(`${folder}/x`)
    if (there.length === 0) return
    this.question = {
      tone: 'trouble',
      text: `${there.map(({ name }) => name).join(', ')}: there already in ${shown(folder)}.`,
      answers: [
        {
          label: 'Replace',
          run: async () => {
            for (const file of there) {
              await this.#files.write(`${folder}/${file.name}`, this.#shownSource(file), 'anything')
            }
            this.progress = undefined
          },
        },
      ],
    }
  }

  /** A visitor's file, its way shown. */
  #shownSource(file: File): ReturnType<typeof sourceOf> {
    const source = sourceOf(file)
    let sent = 0
    return {
      next: async () => {
        const bytes = await source.next()
        this.progress = `Uploading ${nameOf(file.name)}: ${(sent / 1e6).toFixed(1)} of ${(file.size / 1e6).toFixed(1)} MB`
        sent += bytes?.length ?? 0
        return bytes
      },
    }
  }

  /** While somebody can see it, the tree and the text follow what the machine does. */
  async #watch(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      if (!document.hidden && this.offsetParent !== null) {
        try {
          await this.#tree.refresh()
          await this.#editing.look()
        } catch (error) {
          // The machine is on its way, or was lost, which the page tells; the next look may see it again.
          if (!(error instanceof EngineError)) throw error
        }
      }
      await new Promise((resolve) => setTimeout(resolve, LOOK))
    }
  }
}

/** By its name, as it has been to the worker and back (File API, 4.2). */
const isUnreadable = (error: unknown): boolean =>
  error instanceof Error && /^Not(?:Found|Readable)Error$/.test(error.name)

/** A browser hands a folder over as a file that can't be read. */
const unreadable = (name: string): string =>
  `${name} can’t be read: it is a folder, or has changed. Pack a folder into a tar file, and unpack that in the shell.`

const folderFor = (row: TreeRow | undefined): string =>
  row === undefined ? HOME : row.kind === 'directory' ? row.path : folderOf(row.path)

customElements.define('files-view', FilesView)
