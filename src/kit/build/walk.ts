import { IgnorePatterns } from '../../codec/dockerfile/ignore.ts'
import { Slots } from '../../core/slots.ts'
import type { CliFiles, FileEntry, FileStat } from '../../ports/cli-host.ts'
import { ExitError, messageOf } from '../command.ts'

/** A file of a context. */
export interface ContextFile {
  /** Absolute. */
  readonly from: string
  /** Within the context. */
  readonly path: string
  readonly stat: FileStat & { readonly kind: 'file' | 'directory' | 'symlink' }
}

export interface WalkOptions {
  readonly ignore: readonly string[]
  /** Paths that come along even where they are ignored. */
  readonly always: ReadonlySet<string>
  readonly skip: ReadonlySet<string>
}

/** Directories that are read at once. */
const LISTS_MAX = 16

/** What a context has, directories before what lies in them. */
export async function walkContext(
  files: CliFiles,
  directory: string,
  { ignore, always, skip }: WalkOptions,
): Promise<ContextFile[]> {
  const patterns = patternsOf(ignore)
  const wanted = [...always]
  /** Asking the guest for a directory takes a round trip. */
  const slots = new Slots(LISTS_MAX)
  const list = async (at: string): Promise<readonly FileEntry[]> => {
    using _ = await slots.take()
    return await files.list(at)
  }
  const walk = async (at: string, relative: string): Promise<readonly ContextFile[]> => {
    const found = (await list(at)).map(async (entry): Promise<readonly ContextFile[]> => {
      const path = relative === '' ? entry.name : `${relative}/${entry.name}`
      if (skip.has(path)) return []
      const from = at === '/' ? `/${entry.name}` : `${at}/${entry.name}`
      const ignored = patterns.ignores(path) && !always.has(path)
      const { kind } = entry
      if (kind !== 'directory') {
        return ignored || kind === 'other' ? [] : [{ from, path, stat: { ...entry, kind } }]
      }
      const leads = wanted.some((one) => one.startsWith(`${path}/`))
      if (ignored && !leads && !patterns.mayHoldExceptions(path)) return []
      const below = await walk(from, path)
      return ignored && !leads ? below : [{ from, path, stat: { ...entry, kind } }, ...below]
    })
    return (await Promise.all(found)).flat()
  }
  return [...(await walk(directory, ''))]
}

function patternsOf(lines: readonly string[]): IgnorePatterns {
  try {
    return new IgnorePatterns(lines)
  } catch (error) {
    throw new ExitError(1, `failed to parse .dockerignore: ${messageOf(error)}`, { cause: error })
  }
}
