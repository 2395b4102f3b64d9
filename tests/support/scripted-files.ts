import { readTar } from '../../src/codec/tar/read.ts'
import { TarWriter, type TarMember } from '../../src/codec/tar/write.ts'
import { EngineError } from '../../src/core/error.ts'
import type { FileStat } from '../../src/core/guest-archives.ts'
import type { RootfsNode } from '../../src/core/layer.ts'
import type { FileChange, FileWriteOptions } from '../../src/ports/machine/files.ts'

/** A file of the merged view; `path` as in layers: relative, `''` for the root. */
interface File extends TarMember {
  readonly content?: Uint8Array
}

const types: Readonly<Record<string, number>> = {
  file: 0o100000,
  hardlink: 0o100000,
  directory: 0o040000,
  symlink: 0o120000,
  character: 0o020000,
  block: 0o060000,
  fifo: 0o010000,
}

const parentOf = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf('/')))
const nameOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1)
const join = (parent: string, name: string): string =>
  parent === '' || parent.endsWith('/') ? `${parent}${name}` : `${parent}/${name}`

const missing = (path: string): EngineError =>
  new EngineError('not-found', `${path}: no such file or directory`, {
    cause: { code: 'no-path', message: path },
  })

/** The files of a container in memory: a tree and what was changed since. */
export class ScriptedFiles {
  readonly #tree: RootfsNode
  /** What differs from the tree; `undefined` is deleted. */
  readonly #changed = new Map<string, File | undefined>()

  constructor(tree: RootfsNode) {
    this.#tree = tree
  }

  /** Make or replace a file, with its parents. */
  write(path: string, text: string | Uint8Array, more: Partial<TarMember> = {}): void {
    const place = this.resolve(path, true)
    this.#parents(place)
    const content = typeof text === 'string' ? new TextEncoder().encode(text) : text
    this.#changed.set(place, {
      path: place,
      kind: 'file',
      mode: 0o644,
      uid: 0,
      gid: 0,
      mtime: 1_700_000_000.5,
      ...more,
      size: content.length,
      content,
    })
  }

  remove(path: string): void {
    const place = this.resolve(path, true)
    for (const below of this.#changed.keys()) {
      if (below.startsWith(`${place}/`)) this.#changed.delete(below)
    }
    if (this.#lower(place)) this.#changed.set(place, undefined)
    else this.#changed.delete(place)
  }

  async text(path: string): Promise<string> {
    const place = this.resolve(path)
    const file = this.#get(place)
    if (!file) throw missing(path)
    return new TextDecoder().decode(await this.#content(file))
  }

  #lower(path: string): RootfsNode | undefined {
    let node: RootfsNode | undefined = this.#tree
    for (const part of path.split('/')) if (part !== '') node = node?.children?.get(part)
    return node
  }

  #get(path: string): File | undefined {
    if (this.#changed.has(path)) return this.#changed.get(path)
    for (let above = path; above !== ''; above = parentOf(above)) {
      if (this.#changed.has(above) && this.#changed.get(above)?.kind !== 'directory')
        return undefined
    }
    const node = this.#lower(path)
    if (!node) return undefined
    const { children: _, source: __, links: ___, offset: ____, ...attributes } = node
    return { path, ...attributes }
  }

  async #content(file: File): Promise<Uint8Array> {
    if (file.content) return file.content
    const { source, offset = 0, size = 0 } = this.#lower(file.path) ?? {}
    return (await source?.read(offset, size)) ?? new Uint8Array()
  }

  #names(path: string): string[] {
    const names = new Set(this.#lower(path)?.children?.keys())
    for (const changed of this.#changed.keys())
      if (changed !== '' && parentOf(changed) === path) names.add(nameOf(changed))
    return [...names].filter((name) => this.#get(join(path, name))).sort()
  }

  /** Path without symlinks and dots. @throws EngineError `not-found` unless the last part alone is missing */
  resolve(path: string, keepLast = false, depth = 0): string {
    if (depth > 40) throw missing(path)
    let place = ''
    const parts = path.split('/').filter((part) => part !== '' && part !== '.')
    for (const [index, part] of parts.entries()) {
      place = part === '..' ? parentOf(place) : join(place, part)
      const file = this.#get(place)
      const last = index === parts.length - 1
      if (!file && !last && !keepLast) throw missing(path)
      if (file?.kind === 'symlink' && !(last && keepLast)) {
        const rest = parts.slice(index + 1).join('/')
        const base = file.target?.startsWith('/') ? '' : `${parentOf(place)}/`
        return this.resolve(`${base}${file.target}/${rest}`, keepLast, depth + 1)
      }
    }
    return place
  }

  stat(path: string): FileStat {
    const follow = /\/\.?$/.test(path)
    const file = this.#get(this.resolve(path, !follow))
    if (!file) throw missing(path)
    const { kind, mode, uid, gid, size, mtime } = file
    const seconds = Math.floor(mtime)
    return {
      mode: (types[kind] ?? 0) | mode,
      uid,
      gid,
      size,
      seconds,
      major: 0,
      minor: 0,
      nanoseconds: Math.round((mtime - seconds) * 1e9),
      linkTarget: kind === 'symlink' ? `/${this.resolve(path)}` : '',
    }
  }

  tar(path: string, name: string): ReadableStream<Uint8Array> {
    const root = this.resolve(path, !/\/\.?$/.test(path))
    const add = async function* (
      this: ScriptedFiles,
      place: string,
      as: string,
    ): AsyncGenerator<File> {
      const file = this.#get(place)
      if (!file) return
      yield { ...file, path: as, content: await this.#content(file) }
      if (file.kind !== 'directory') return
      for (const child of this.#names(place))
        yield* add.call(this, join(place, child), join(as, child))
    }
    return tarOf(add.call(this, root, name))
  }

  changes(): FileChange[] {
    const kinds = new Map<string, FileChange['kind']>()
    for (const [path, file] of this.#changed) {
      kinds.set(path, file === undefined ? 2 : this.#lower(path) ? 0 : 1)
      for (let above = parentOf(path); above !== ''; above = parentOf(above)) {
        if (!kinds.has(above)) kinds.set(above, this.#lower(above) ? 0 : 1)
      }
    }
    return [...kinds]
      .map(([path, kind]) => ({ path: `/${path}`, kind }))
      .sort((left, right) => (left.path < right.path ? -1 : 1))
  }

  layer(): ReadableStream<Uint8Array> {
    const add = async function* (this: ScriptedFiles): AsyncGenerator<File> {
      for (const { path, kind } of this.changes()) {
        const place = path.slice(1)
        const file = this.#get(place)
        if (kind === 2 || !file) {
          const whiteout = join(parentOf(place), `.wh.${nameOf(place)}`)
          yield { path: whiteout, kind: 'file', mode: 0, uid: 0, gid: 0, mtime: 0, size: 0 }
        } else yield { ...file, content: await this.#content(file) }
      }
    }
    return tarOf(add.call(this))
  }

  async extract(
    path: string,
    tar: ReadableStream<Uint8Array>,
    options: FileWriteOptions,
  ): Promise<void> {
    const root = this.resolve(path)
    const found = this.#get(root)
    if (!found) throw missing(path)
    if (found.kind !== 'directory')
      throw new EngineError('invalid-parameter', 'extraction point is not a directory')
    const contents: Uint8Array[] = []
    for await (const entry of readTar(tar, (_, bytes) => void contents.push(bytes.slice()))) {
      const content = await new Blob(contents.splice(0) as BlobPart[]).bytes()
      const place = this.resolve(`${root}/${entry.path}`, true)
      const there = this.#get(place)
      if (place === root || (there?.kind === 'directory' && entry.kind === 'directory')) continue
      if (
        options.noOverwriteDirNonDir &&
        there &&
        (there.kind === 'directory') !== (entry.kind === 'directory')
      ) {
        const [is, comes] =
          there.kind === 'directory'
            ? ['directory', 'non-directory']
            : ['non-directory', 'directory']
        throw new EngineError(
          'internal',
          `cannot overwrite ${is} "/${place}" with ${comes} "${path}"`,
        )
      }
      this.#parents(place)
      const { offset: _, ...member } = entry
      this.#changed.set(place, { ...member, ...options.owner, path: place, content })
    }
  }

  #parents(place: string): void {
    for (let above = parentOf(place); above !== ''; above = parentOf(above)) {
      if (this.#get(above)) continue
      const mtime = 1_700_000_000
      this.#changed.set(above, {
        path: above,
        kind: 'directory',
        mode: 0o755,
        uid: 0,
        gid: 0,
        mtime,
        size: 0,
      })
    }
  }
}

function tarOf(files: AsyncGenerator<File>): ReadableStream<Uint8Array> {
  const writer = new TarWriter()
  const pieces = async function* (): AsyncGenerator<Uint8Array> {
    for await (const { content = new Uint8Array(), ...member } of files) {
      yield writer.header(member)
      if (member.kind !== 'file') continue
      if (content.length > 0) yield content
      yield writer.padding(member.size)
    }
    yield writer.end()
  }
  const source = pieces()
  return new ReadableStream<Uint8Array>(
    {
      pull: async (controller) => {
        const { done, value } = await source.next()
        if (done) controller.close()
        else controller.enqueue(value)
      },
      cancel: async () => void (await source.return(undefined)),
    },
    { highWaterMark: 0 },
  )
}
