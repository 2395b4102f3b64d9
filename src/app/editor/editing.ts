import { EngineError } from '../../core/error.ts'
import type { FileVersion, GuestFiles } from '../../link/guest-files.ts'
import type { CodeEditor } from './code-editor.ts'
import { readText, sourceOf, TEXT_MAX } from './file-text.ts'
import { isWithin, shown } from './paths.ts'
import type { Question } from './question.ts'

/** Opens and saves texts, and knows which version of each is on the screen. */
export class Editing {
  readonly #files: GuestFiles
  readonly #editor: CodeEditor
  readonly #ask: (question: Question) => void
  readonly #versions = new Map<string, FileVersion>()
  /** Versions that the visitor was told of. */
  readonly #told = new Map<string, string>()
  readonly #saving = new Set<string>()
  /** What the visitor asked for last. */
  #wanted: string | undefined

  constructor(files: GuestFiles, editor: CodeEditor, ask: (question: Question) => void) {
    this.#files = files
    this.#editor = editor
    this.#ask = ask
  }

  /** Show a file's text; one that can't be edited is told of. */
  async open(path: string): Promise<void> {
    if (this.#versions.has(path)) {
      this.#wanted = path
      this.#editor.show(path)
      await this.look()
    } else await this.#load(path, { over: false })
  }

  /** Show what is on the disk, whatever was typed. */
  reload(path: string): Promise<void> {
    return this.#load(path, { over: true })
  }

  /** @param over whether what is typed meanwhile goes, too */
  async #load(path: string, { over }: { readonly over: boolean }): Promise<void> {
    this.#wanted = path
    void this.#editor.load()
    // First the version: what changes while it is read is seen at the next look.
    const { kind, size, mtime } = await this.#files.stat(path)
    if (kind !== 'file') {
      this.#tell(`${shown(path)} is no file that one can edit.`)
      return
    }
    const text =
      size > TEXT_MAX ? ({ kind: 'large' } as const) : await readText(await this.#files.read(path))
    if (this.#wanted !== path || (!over && this.#editor.unsaved.has(path))) return
    if (text.kind === 'text') {
      await this.#editor.open(path, text.text)
      this.#versions.set(path, { size, mtime })
      this.#told.delete(path)
      return
    }
    this.#tell(
      text.kind === 'binary'
        ? `${shown(path)} is no text (UTF-8). Look at it in the shell, for example with “file” or “xxd”, or download it.`
        : `${shown(path)} has ${(size / 1e6).toFixed(1)} MB, which is too much for this editor. Use “less” in the shell, or download it.`,
    )
  }

  /** @param over `anything`: whatever is on the disk now is overwritten */
  async save(path: string, over?: 'anything'): Promise<void> {
    if (this.#saving.has(path)) return
    this.#saving.add(path)
    const mark = this.#editor.mark(path)
    const expected = over ?? this.#versions.get(path) ?? 'anything'
    try {
      const version = await this.#files.write(path, sourceOf(this.#editor.text(path)), expected)
      this.#versions.set(path, version)
      this.#told.delete(path)
      this.#editor.saved(path, mark)
    } catch (error) {
      if (!(error instanceof EngineError) || error.code !== 'conflict') throw error
      this.#askWhich(path, `${error.message} Which one is to stay?`)
    } finally {
      this.#saving.delete(path)
    }
  }

  /** Whether what is on the screen is still what is on the disk: if nothing was typed, the screen follows. */
  async look(): Promise<void> {
    const path = this.#editor.current
    const known = path === undefined ? undefined : this.#versions.get(path)
    if (path === undefined || !known || this.#saving.has(path)) return
    const now = await this.#files.stat(path).catch((error: unknown) => {
      if (error instanceof EngineError && error.code === 'not-found') return undefined
      throw error
    })
    if (now?.size === known.size && now.mtime === known.mtime) return
    // Something else may have loaded or saved it meanwhile.
    if (this.#versions.get(path) !== known) return
    if (this.#editor.current !== path || this.#saving.has(path)) return
    const unsaved = this.#editor.unsaved.has(path)
    if (now && !unsaved) {
      await this.#load(path, { over: false })
      return
    }
    // Once for each version.
    const version = now ? `${now.size} ${now.mtime}` : 'gone'
    if (this.#told.get(path) === version) return
    this.#told.set(path, version)
    if (now) {
      this.#askWhich(
        path,
        `${shown(path)} has changed on the disk meanwhile. Which one is to stay?`,
      )
      return
    }
    this.#ask({
      tone: 'trouble',
      text: `${shown(path)} is not on the disk any more. What you see here is all there is.`,
      answers: [
        { label: 'Save it again', run: () => this.save(path, 'anything') },
        { label: 'Close it', run: () => this.forget(path) },
      ],
    })
  }

  /** Texts at a path and below are not open any more. */
  forget(path: string): void {
    for (const known of this.#versions.keys()) {
      if (!isWithin(known, path)) continue
      this.#versions.delete(known)
      this.#editor.close(known)
    }
  }

  /** A path and all below it have another name now: what was typed stays. */
  async moved(from: string, to: string): Promise<void> {
    const shownPath = this.#editor.current
    for (const [known, version] of this.#versions) {
      if (!isWithin(known, from)) continue
      const path = to + known.slice(from.length)
      const unsaved = this.#editor.unsaved.has(known)
      const text = this.#editor.text(known)
      this.forget(known)
      await this.#editor.open(path, text)
      if (unsaved) this.#editor.saved(path, -1)
      this.#versions.set(path, version)
      if (shownPath !== known && shownPath !== undefined) this.#editor.show(shownPath)
    }
  }

  #askWhich(path: string, text: string): void {
    this.#ask({
      tone: 'trouble',
      text,
      answers: [
        { label: 'Load the one on the disk', run: () => this.reload(path) },
        { label: 'Overwrite it with mine', run: () => this.save(path, 'anything') },
      ],
    })
  }

  #tell(text: string): void {
    this.#ask({ tone: 'notice', text, answers: [] })
  }
}
