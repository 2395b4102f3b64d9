import { randomUUID } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'

/** Where an engine keeps its things when it isn't told (XDG Base Directory Specification 0.8). */
export const defaultDataFolder = (): string =>
  join(process.env['XDG_DATA_HOME'] || join(homedir(), '.local/share'), 'drydock')

/** The identity of the engine of a data folder: given once, kept for ever. */
export function engineIdOf(folder: string): string {
  const path = join(folder, 'engine-id')
  try {
    const id = readFileSync(path, 'utf8').trim()
    if (/^[0-9a-f-]{36}$/.test(id)) return id
  } catch {
    // A new folder.
  }
  const id = randomUUID()
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  writeFileSync(path, `${id}\n`, { mode: 0o600 })
  return id
}
