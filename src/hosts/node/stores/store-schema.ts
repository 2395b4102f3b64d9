import { existsSync, readFileSync } from 'node:fs'
import { mkdir, open, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { EngineError } from '../../../core/error.ts'
import { STORE_SCHEMA, storedByNewer } from '../../../storage/schema.ts'

/** The schema of a folder from before there was a file that says so. */
const UNNAMED = 2

/** What brings a folder from the schema of the key to the next; each may be cut off anywhere and done again. */
const MIGRATIONS: Readonly<Record<number, (folder: string) => Promise<void>>> = {
  // What is new is the file alone, which is written when all steps are done.
  2: () => Promise.resolve(),
}

/**
 * Reads and writes nothing but the number.
 * @returns undefined for a folder with no store
 * @throws EngineError `unavailable` when a newer version wrote it, `internal` when the number can't be read
 */
export function readSchema(folder: string): number | undefined {
  const path = join(folder, 'schema')
  let text
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'ENOENT') throw error
    return existsSync(join(folder, 'records.journal')) ? UNNAMED : undefined
  }
  const schema = /^[1-9]\d{0,8}\n$/.test(text) ? Number(text) : undefined
  if (schema === undefined)
    throw new EngineError('internal', `Cannot read the stores of ${folder}: ${path} is damaged`)
  if (schema > STORE_SCHEMA)
    throw storedByNewer(`Update drydock, or give another folder than ${folder} with --data.`)
  return schema
}

/** The folder has this version's schema afterwards. The caller holds its lock. @throws as `readSchema` */
export async function migrateFolder(folder: string): Promise<void> {
  const found = readSchema(folder)
  if (found === STORE_SCHEMA) return
  await mkdir(folder, { recursive: true, mode: 0o700 })
  for (let schema = found ?? STORE_SCHEMA; schema < STORE_SCHEMA; schema++)
    await MIGRATIONS[schema]?.(folder)
  await writeSchema(folder)
}

async function writeSchema(folder: string): Promise<void> {
  const next = join(folder, 'schema.next')
  {
    await using file = await open(next, 'w', 0o600)
    await file.writeFile(`${STORE_SCHEMA}\n`)
    await file.sync()
  }
  await rename(next, join(folder, 'schema'))
  await using parent = await open(folder, 'r')
  await parent.sync()
}
