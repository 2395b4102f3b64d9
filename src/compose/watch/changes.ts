import { Slots } from '../../core/slots.ts'
import { CliFileError, type CliFiles, type FileStat } from '../../ports/cli-host.ts'
import type { WatchRule } from './rules.ts'

/** Files of a rule by their absolute paths. */
export type Snapshot = ReadonlyMap<string, FileStat>

export interface Change {
  readonly path: string
  /** Undefined: the file is gone. */
  readonly stat: FileStat | undefined
}

/** Directories that are read at once. */
const LISTS_MAX = 16

/**
 * What a rule's path holds now. Looking again and again is how changes are found: the shell's stub has no
 * notification, and what is asked the same way everywhere behaves the same way everywhere.
 */
export async function takeSnapshot(files: CliFiles, rule: WatchRule): Promise<Snapshot> {
  const found = new Map<string, FileStat>()
  const slots = new Slots(LISTS_MAX)
  const list = async (path: string): ReturnType<CliFiles['list']> => {
    using _ = await slots.take()
    return await gone(files.list(path), [])
  }
  const visit = async (path: string, stat: FileStat): Promise<void> => {
    const ignored = rule.ignores(path)
    if (!ignored && stat.kind !== 'other') found.set(path, stat)
    if (stat.kind !== 'directory' || (ignored && !rule.mayHoldExceptions(path))) return
    const entries = await list(path)
    await Promise.all(
      entries.map((entry) => visit(`${path === '/' ? '' : path}/${entry.name}`, entry)),
    )
  }
  const { path } = rule.trigger
  const stat = await gone(files.stat(path), undefined)
  if (stat) await visit(path, stat)
  return found
}

/** What has changed from one look to the next. */
export function changesBetween(before: Snapshot, after: Snapshot): readonly Change[] {
  const changes: Change[] = []
  for (const path of before.keys()) {
    // A directory takes along what was in it.
    const parent = path.slice(0, path.lastIndexOf('/'))
    if (!after.has(path) && (!before.has(parent) || after.has(parent)))
      changes.push({ path, stat: undefined })
  }
  for (const [path, stat] of after) {
    const old = before.get(path)
    if (!old || differs(old, stat)) changes.push({ path, stat })
  }
  return changes
}

/** A directory's own size and time tell of what is in it, which is looked at itself. */
const differs = (old: FileStat, now: FileStat): boolean =>
  old.kind !== now.kind ||
  old.mode !== now.mode ||
  old.target !== now.target ||
  (now.kind !== 'directory' && (old.size !== now.size || old.mtime !== now.mtime))

/** Files come and go while they are looked at. */
async function gone<T>(result: Promise<T>, instead: T): Promise<T> {
  try {
    return await result
  } catch (error) {
    if (error instanceof CliFileError && ['ENOENT', 'ENOTDIR'].includes(error.code)) return instead
    throw error
  }
}
