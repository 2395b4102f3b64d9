import { realpathSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import { EngineError } from '../../../core/error.ts'
import type { HostDirectories } from '../../../ports/host-directories.ts'
import { NodeSharedFiles } from './node-shared-files.ts'
import { systemPath } from './shared-path.ts'

interface Share {
  /** Without links. */
  readonly root: string
  readonly files: NodeSharedFiles
}

/** The directories of `serve --share`. */
export class SharedDirectories implements HostDirectories {
  readonly #shares: readonly Share[]

  /** @throws EngineError `invalid-parameter` for what can't be shared */
  constructor(directories: readonly string[]) {
    this.#shares = directories.map(open)
  }

  /** What the machine serves to the guest, as `/run/shares/0`, `/run/shares/1` …. */
  get files(): readonly NodeSharedFiles[] {
    return this.#shares.map(({ files }) => files)
  }

  locate(path: string, { create }: { readonly create: boolean }): string {
    const { found, missing } = nearest(path)
    const at = this.#shares.findIndex(({ root }) => below(root, found) !== undefined)
    const share = this.#shares[at]
    if (!share) throw new EngineError('invalid-parameter', denied(path))
    const place = below(share.root, found) ?? ''
    if (missing.length > 0 && !create) throw new EngineError('not-found', `no such file: ${path}`)
    let made = place
    for (const name of missing) {
      made = made === '' ? name : `${made}/${name}`
      makeDirectory(share.files, made, path)
    }
    return made === '' ? `/run/shares/${at}` : `/run/shares/${at}/${made}`
  }
}

function open(directory: string): Share {
  const refuse = (reason: string, cause?: unknown): EngineError =>
    new EngineError('invalid-parameter', `--share ${directory}: ${reason}`, { cause })
  if (process.platform !== 'linux') throw refuse('only Linux can share directories')
  let root
  try {
    root = realpathSync(resolve(directory))
    if (!statSync(root).isDirectory()) throw refuse('it is no directory')
    return { root, files: new NodeSharedFiles(root) }
  } catch (error) {
    if (error instanceof EngineError) throw error
    throw refuse(root === undefined ? 'there is no such directory' : String(error), error)
  }
}

/** The part of a path that is there, its links followed, and the names that are missing. */
function nearest(path: string): { readonly found: string; readonly missing: readonly string[] } {
  const names = path.split('/').filter((name) => name !== '')
  for (let count = names.length; count >= 0; count--) {
    try {
      const found = realpathSync(systemPath(`/${names.slice(0, count).join('/')}`))
      return { found, missing: names.slice(count) }
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException
      if (code !== 'ENOENT')
        throw new EngineError('invalid-parameter', `cannot use ${path}: ${message}`, {
          cause: error,
        })
    }
  }
  return { found: '/', missing: names }
}

/** The path as seen from the root; undefined: it is not below. */
function below(root: string, path: string): string | undefined {
  if (path === root) return ''
  const prefix = root === '/' ? '/' : `${root}/`
  return path.startsWith(prefix) ? path.slice(prefix.length) : undefined
}

function makeDirectory(files: NodeSharedFiles, place: string, path: string): void {
  try {
    files.makeDirectory(place, 0o755, {
      uid: process.getuid?.() ?? 0,
      gid: process.getgid?.() ?? 0,
    })
  } catch (error) {
    throw new EngineError(
      'internal',
      `error while creating mount source path '${path}': ${error instanceof Error ? error.message : String(error)}`,
      { cause: error },
    )
  }
}

/** Docker Desktop's first words; then what helps here. */
const denied = (path: string): string =>
  `Mounts denied: the path ${path} is not shared with Drydock. Start it with 'drydock serve --share ${path}', or share a directory above it.`
