import { EngineError } from '../../core/error.ts'
import type { GuestFile, GuestFiles } from '../../link/guest-files.ts'
import { folderOf, HOME, isWithin } from './paths.ts'

/** A line of the tree. */
export interface TreeRow extends GuestFile {
  readonly path: string
  /** 1 for what is in the home. */
  readonly level: number
  readonly isOpen: boolean
}

interface Folder {
  readonly mtime: number
  readonly entries: readonly GuestFile[]
}

/** The home's folders, as far as they are open, kept as the machine has them. */
export class TreeModel {
  readonly #files: GuestFiles
  readonly #onChange: () => void
  readonly #open = new Set([HOME])
  readonly #folders = new Map<string, Folder>()

  constructor(files: GuestFiles, onChange: () => void) {
    this.#files = files
    this.#onChange = onChange
  }

  get rows(): readonly TreeRow[] {
    const rows: TreeRow[] = []
    const add = (folder: string, level: number): void => {
      const entries = this.#folders.get(folder)?.entries ?? []
      for (const entry of [...entries].sort(foldersFirst)) {
        const path = `${folder}/${entry.name}`
        const isOpen = entry.kind === 'directory' && this.#open.has(path)
        rows.push({ ...entry, path, level, isOpen })
        // A link to a folder above would never end.
        if (isOpen) add(path, level + 1)
      }
    }
    add(HOME, 1)
    return rows
  }

  /** Whether the home was listed once. */
  get isThere(): boolean {
    return this.#folders.has(HOME)
  }

  async open(path: string): Promise<void> {
    this.#open.add(path)
    await this.#list(path)
    this.#onChange()
  }

  close(path: string): void {
    // What is open below it comes back with it.
    this.#open.delete(path)
    this.#onChange()
  }

  /** Open all folders on the way to a path. */
  async reveal(path: string): Promise<void> {
    const folder = folderOf(path)
    if (!isWithin(folder, HOME)) return
    if (folder !== HOME) await this.reveal(folder)
    await this.open(folder)
  }

  /** Look again at the folders that are shown. @throws EngineError but for folders that are gone */
  async refresh(): Promise<void> {
    let changed = false
    for (const folder of this.#open) {
      if (!this.#isShown(folder)) continue
      try {
        const { mtime } = await this.#files.stat(folder)
        // Within the clock's tick of the last look there may have been one more change.
        const known = this.#folders.get(folder)
        if (known?.mtime === mtime && Date.now() / 1000 - mtime > TICK) continue
        changed = (await this.#list(folder)) || changed
      } catch (error) {
        if (!(error instanceof EngineError) || error.code !== 'not-found') throw error
        this.#folders.delete(folder)
        if (folder !== HOME) this.#open.delete(folder)
        changed = true
      }
    }
    if (changed) this.#onChange()
  }

  /** A folder in a closed one costs nothing. */
  #isShown(folder: string): boolean {
    return folder === HOME || (this.#open.has(folderOf(folder)) && this.#isShown(folderOf(folder)))
  }

  async #list(folder: string): Promise<boolean> {
    // First the time: what changes meanwhile is seen at the next look.
    const { mtime } = await this.#files.stat(folder)
    const entries = await this.#files.list(folder)
    const before = this.#folders.get(folder)
    this.#folders.set(folder, { mtime, entries })
    return !before || before.entries.map(gist).join('/') !== entries.map(gist).join('/')
  }
}

/** Seconds. */
const TICK = 2

const gist = ({ name, kind, target }: GuestFile): string => `${name}\0${kind}\0${target ?? ''}`

const foldersFirst = (left: GuestFile, right: GuestFile): number =>
  Number(right.kind === 'directory') - Number(left.kind === 'directory') ||
  (left.name < right.name ? -1 : 1)
