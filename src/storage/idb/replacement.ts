import { databaseName, EngineDatabase, type StoreName } from './database.ts'
import { OWNER, putMoved } from './fence.ts'

/** No engine's id has it. */
const MARK = '~'

/** Name of stores that shall take the place of an engine's, to be opened as an engine's are. */
export const replacementId = (engineId: string, milliseconds: number): string =>
  `${engineId}${MARK}${Math.floor(milliseconds).toString(36)}`

/**
 * From now on the engine's stores are these. Both are closed, and the caller holds the engine's lock.
 * @throws EngineError; then they are the old ones still
 */
export async function replaceStores(engineId: string, replacement: string): Promise<void> {
  await using home = await EngineDatabase.open(engineId)
  await home.run([OWNER], 'readwrite', (store) => putMoved(store, replacement), 'strict')
  await clearReplaced(engineId, home, replacement).catch(() => undefined)
}

/** Remove what replacements have left behind, or what one did that was cut off. What can't be removed now is tried again. */
export async function clearReplaced(
  engineId: string,
  home: EngineDatabase,
  moved: string | undefined,
): Promise<void> {
  if (moved !== undefined) {
    const names: StoreName[] = [
      'blobs',
      'pending',
      'chunks',
      'records',
      'logs',
      'ranges',
      'disk-records',
      'disk-data',
    ]
    for (const name of names) {
      const count = await home.run([name], 'readonly', (store) => store(name).count())
      if (count > 0) await home.run([name], 'readwrite', (store) => store(name).clear())
    }
  }
  // Firefox has it since 126.
  if (!('databases' in indexedDB)) return
  const prefix = databaseName(`${engineId}${MARK}`)
  for (const { name } of await indexedDB.databases())
    if (name?.startsWith(prefix) && name !== databaseName(moved ?? '')) await remove(name)
}

/** @param id of stores that are closed */
export const removeStores = (id: string): Promise<void> => remove(databaseName(id))

function remove(name: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.deleteDatabase(name)
    request.addEventListener('success', () => resolve())
    request.addEventListener('error', () => reject(request.error as Error))
  })
}
