import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** An IndexedDB database as values: what the browser keeps, without the browser. */
export interface DatabaseDump {
  readonly version: number
  readonly stores: readonly {
    readonly name: string
    readonly keyPath: string | null
    readonly autoIncrement: boolean
    readonly entries: readonly (readonly [IDBValidKey, unknown])[]
  }[]
}

const result = <Value>(request: IDBRequest<Value>): Promise<Value> =>
  new Promise((resolve, reject) => {
    request.addEventListener('success', () => resolve(request.result))
    request.addEventListener('error', () => reject(request.error as Error))
  })

export async function dumpDatabase(name: string): Promise<DatabaseDump> {
  const database = await result(indexedDB.open(name))
  const stores: DatabaseDump['stores'][number][] = []
  for (const store of database.objectStoreNames) {
    const open = database.transaction(store).objectStore(store)
    const [keys, values] = await Promise.all([result(open.getAllKeys()), result(open.getAll())])
    stores.push({
      name: store,
      keyPath: open.keyPath as string | null,
      autoIncrement: open.autoIncrement,
      entries: keys.map((key, at) => [key, values[at] as unknown] as const),
    })
  }
  const { version } = database
  database.close()
  return { version, stores }
}

/** @param version another one than it was dumped with */
export async function restoreDatabase(
  name: string,
  { stores, version }: DatabaseDump,
): Promise<void> {
  const request = indexedDB.open(name, version)
  request.addEventListener('upgradeneeded', () => {
    for (const { name: store, keyPath, autoIncrement, entries } of stores) {
      const open = request.result.createObjectStore(store, { keyPath, autoIncrement })
      for (const [key, value] of entries) open.put(value, ...(keyPath === null ? [key] : []))
    }
  })
  const database = await result(request)
  database.close()
}

/** The files below a folder, by path. */
export function readTree(folder: string, below = ''): Map<string, Buffer> {
  const files = new Map<string, Buffer>()
  for (const entry of readdirSync(join(folder, below), { withFileTypes: true })) {
    const path = join(below, entry.name)
    if (entry.isDirectory()) for (const [at, bytes] of readTree(folder, path)) files.set(at, bytes)
    else if (entry.isFile()) files.set(path, readFileSync(join(folder, path)))
  }
  return files
}

export function writeTree(folder: string, files: ReadonlyMap<string, Uint8Array>): void {
  for (const [path, bytes] of files) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), bytes)
  }
}
