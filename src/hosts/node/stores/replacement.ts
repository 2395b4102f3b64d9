import { existsSync } from 'node:fs'
import { open, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'

/** What a playground is in its folder; the rest (identity, lock, socket) stays when another takes its place. */
const PARTS = ['records.journal', 'blobs', 'logs', 'disk', 'schema'] as const

/** A playground that is not whole yet. */
const coming = (folder: string): string => join(folder, 'import.tmp')
/** A whole one, which takes the place of what is there: now, or when the folder is opened next. */
const ready = (folder: string): string => join(folder, 'import.ready')
/** What was there of one part, on its way out. */
const replaced = (folder: string, part: string): string => join(folder, `replaced-${part}`)

/** A new, empty folder for a playground that shall take this one's place. The caller holds the folder's lock. */
export async function prepareReplacement(folder: string): Promise<string> {
  await rm(coming(folder), { recursive: true, force: true })
  return coming(folder)
}

/** Put what was prepared in the place of what is there. All or nothing, whenever the process dies. */
export async function replacePlayground(folder: string): Promise<void> {
  await syncTree(coming(folder))
  await rename(coming(folder), ready(folder))
  await sync(folder)
  await finishReplacement(folder)
}

/** Forget what was prepared. */
export const dropReplacement = (folder: string): Promise<void> =>
  rm(coming(folder), { recursive: true, force: true })

/** Completes what an interrupted replacement has begun, or undoes it. The caller holds the folder's lock. */
export async function finishReplacement(folder: string): Promise<void> {
  await dropReplacement(folder)
  if (existsSync(ready(folder))) {
    for (const part of PARTS) await replacePart(folder, part)
    await sync(folder)
    await rm(ready(folder), { recursive: true })
  }
  // As no replacement is under way, whatever is left of one goes.
  for (const part of PARTS) await rm(replaced(folder, part), { recursive: true, force: true })
}

/** Twice is as good as once. */
async function replacePart(folder: string, part: string): Promise<void> {
  const [from, to] = [join(ready(folder), part), join(folder, part)]
  if (!existsSync(from)) return
  if (existsSync(to)) {
    await rm(replaced(folder, part), { recursive: true, force: true })
    await rename(to, replaced(folder, part))
  }
  await rename(from, to)
}

async function sync(path: string): Promise<void> {
  await using file = await open(path, 'r')
  await file.sync()
}

/** Files of the stores are synced by who wrote them; names are not, all of them. */
async function syncTree(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true }))
    if (entry.isDirectory()) await syncTree(join(folder, entry.name))
  await sync(folder)
}
