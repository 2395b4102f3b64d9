import { IgnorePatterns } from '../../codec/dockerfile/ignore.ts'
import type { CliFiles, FileStat } from '../../ports/cli-host.ts'
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

/** What a context has, directories before what lies in them. */
export async function walkContext(
  files: CliFiles,
  directory: string,
  { ignore, always, skip }: WalkOptions,
): Promise<ContextFile[]> {
  const patterns = patternsOf(ignore)
  const found: ContextFile[] = []
  const walk = async (at: string, relative: string): Promise<void> => {
    for (const entry of await files.list(at)) {
      const path = relative === '' ? entry.name : `${relative}/${entry.name}`
      if (skip.has(path)) continue
      const from = at === '/' ? `/${entry.name}` : `${at}/${entry.name}`
      const ignored = patterns.ignores(path) && !always.has(path)
      const { kind } = entry
      if (kind === 'directory') {
        const leads = [...always].some((wanted) => wanted.startsWith(`${path}/`))
        if (ignored && !leads && !patterns.mayHoldExceptions(path)) continue
        if (!ignored || leads) found.push({ from, path, stat: { ...entry, kind } })
        await walk(from, path)
      } else if (!ignored && kind !== 'other') found.push({ from, path, stat: { ...entry, kind } })
    }
  }
  await walk(directory, '')
  return found
}

function patternsOf(lines: readonly string[]): IgnorePatterns {
  try {
    return new IgnorePatterns(lines)
  } catch (error) {
    throw new ExitError(1, `failed to parse .dockerignore: ${messageOf(error)}`, { cause: error })
  }
}
