import type { editor } from 'monaco-editor/editor/editor.api'
import type { monaco as loaded } from './monaco.ts'
import { nameOf } from './paths.ts'

type Monaco = typeof loaded

/** Milliseconds without a key before a Dockerfile is looked at. */
const PAUSE = 300

interface Document {
  readonly model: editor.ITextModel
  /** Of the text as it is on the disk. */
  saved: number
  view: editor.ICodeEditorViewState | null
}

/** The texts that are open, one of them on the screen. */
export class CodeEditor {
  readonly element: HTMLElement
  readonly #onChange: () => void
  readonly #documents = new Map<string, Document>()
  #loading: Promise<Monaco> | undefined
  #monaco: Monaco | undefined
  #editor: editor.IStandaloneCodeEditor | undefined
  #current: string | undefined
  #fontSize = 14
  #timer: ReturnType<typeof setTimeout> | undefined

  /** @param onChange a text became different from what is on the disk, or the same */
  constructor(onChange: () => void) {
    this.#onChange = onChange
    this.element = document.createElement('div')
    this.element.className = 'code'
    new MutationObserver(() => this.#applyTheme()).observe(document.documentElement, {
      attributeFilter: ['data-theme'],
    })
  }

  get current(): string | undefined {
    return this.#current
  }

  /** Paths of texts that are not as on the disk. */
  get unsaved(): ReadonlySet<string> {
    const unsaved = new Set<string>()
    for (const [path, document] of this.#documents) if (isUnsaved(document)) unsaved.add(path)
    return unsaved
  }

  has(path: string): boolean {
    return this.#documents.has(path)
  }

  set fontSize(size: number) {
    this.#fontSize = size
    this.#editor?.updateOptions({ fontSize: size })
  }

  /** Load the editor; the first time this takes a while. */
  async load(): Promise<Monaco> {
    this.#loading ??= import('./monaco.ts').then(({ monaco }) => monaco)
    this.#loading.catch(() => (this.#loading = undefined))
    this.#monaco = await this.#loading
    return this.#monaco
  }

  /** Show a text as it is on the disk; one that is open already takes it over. */
  async open(path: string, text: string): Promise<void> {
    const monaco = await this.load()
    const known = this.#documents.get(path)
    if (known) {
      if (known.model.getValue() !== text) {
        known.model.pushEditOperations(
          [],
          [{ range: known.model.getFullModelRange(), text }],
          () => null,
        )
      }
      known.saved = known.model.getAlternativeVersionId()
    } else {
      const model = monaco.editor.createModel(text, languageOf(monaco, path))
      const document: Document = { model, saved: model.getAlternativeVersionId(), view: null }
      this.#documents.set(path, document)
      model.onDidChangeContent(() => {
        this.#onChange()
        this.#lintSoon()
      })
    }
    this.show(path)
  }

  /** Show a text that is open. */
  show(path: string): void {
    const monaco = this.#monaco
    const document = this.#documents.get(path)
    if (!monaco || !document) return
    const before = this.#current === undefined ? undefined : this.#documents.get(this.#current)
    if (before && this.#editor && before !== document) before.view = this.#editor.saveViewState()
    this.#editor ??= this.#create(monaco)
    if (this.#editor.getModel() !== document.model) {
      this.#editor.setModel(document.model)
      this.#editor.restoreViewState(document.view)
    }
    this.#current = path
    this.#lint()
    this.#onChange()
  }

  focus(): void {
    this.#editor?.focus()
  }

  text(path: string): string {
    return this.#documents.get(path)?.model.getValue() ?? ''
  }

  /** A mark for `saved`: what the text is now. */
  mark(path: string): number {
    return this.#documents.get(path)?.model.getAlternativeVersionId() ?? 0
  }

  /** What was marked is on the disk now. */
  saved(path: string, mark: number): void {
    const document = this.#documents.get(path)
    if (!document) return
    document.saved = mark
    this.#onChange()
  }

  close(path: string): void {
    const document = this.#documents.get(path)
    if (!document) return
    this.#documents.delete(path)
    if (this.#current === path) {
      this.#current = undefined
      this.#editor?.setModel(null)
    }
    document.model.dispose()
    this.#onChange()
  }

  #create(monaco: Monaco): editor.IStandaloneCodeEditor {
    this.#applyTheme()
    return monaco.editor.create(this.element, {
      model: null,
      automaticLayout: true,
      minimap: { enabled: false },
      fontSize: this.#fontSize,
      fontFamily: 'ui-monospace, "Cascadia Code", Menlo, Consolas, "DejaVu Sans Mono", monospace',
      scrollBeyondLastLine: false,
      lineNumbersMinChars: 3,
      tabSize: 2,
      // A Makefile that loses its tabs is broken.
      detectIndentation: true,
      fixedOverflowWidgets: true,
      wordBasedSuggestions: 'off',
      ariaLabel: 'Text of the file',
    })
  }

  #applyTheme(): void {
    this.#monaco?.editor.setTheme(
      document.documentElement.dataset['theme'] === 'light' ? 'drydock-light' : 'drydock-dark',
    )
  }

  #lintSoon(): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#lint(), PAUSE)
  }

  #lint(): void {
    const monaco = this.#monaco
    const model = this.#editor?.getModel()
    if (!monaco || model?.getLanguageId() !== 'dockerfile') return
    void import('./lint-markers.ts').then(({ lintMarkers }) => {
      if (model.isDisposed()) return
      const { Error: error, Warning: warning } = monaco.MarkerSeverity
      const markers = lintMarkers(model.getValue()).map((marker) => ({
        ...marker,
        severity: marker.severity === 'error' ? error : warning,
      }))
      monaco.editor.setModelMarkers(model, 'dockerfile', markers)
    })
  }
}

const isUnsaved = ({ model, saved }: Document): boolean => model.getAlternativeVersionId() !== saved

/** By its name: the languages that are there, and names that these don't know of. */
function languageOf(monaco: Monaco, path: string): string {
  const name = nameOf(path).toLowerCase()
  if (/^(dockerfile|containerfile)(\..*)?$|\.dockerfile$/.test(name)) return 'dockerfile'
  if (/^\.(bashrc|profile|bash_\w+)$|^\.env/.test(name)) return 'shell'
  const found = monaco.languages
    .getLanguages()
    .find(({ extensions }) => extensions?.some((extension) => name.endsWith(extension)))
  return found?.id ?? 'plaintext'
}
