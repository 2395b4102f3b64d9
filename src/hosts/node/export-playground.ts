import { createReadStream } from 'node:fs'
import { open, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { EngineError } from '../../core/error.ts'
import { Resources } from '../../core/resources.ts'
import { exportPlayground } from '../../storage/transfer/export.ts'
import { importPlayground } from '../../storage/transfer/import.ts'
import { lockData } from './data-lock.ts'
import { engineSocket } from './engine-socket.ts'
import { EXPORT_PATH } from './export-route.ts'
import { openFileStores } from './stores/file-stores.ts'
import { dropReplacement, prepareReplacement, replacePlayground } from './stores/replacement.ts'
import { readSchema } from './stores/store-schema.ts'
import { answers } from './unix-socket.ts'

/**
 * `drydock export`: the playground of a folder into one file, by the engine that serves it or, if none does, without one. The
 * file is there when it is whole.
 * @returns its bytes
 */
export async function exportToFile(data: string, path: string): Promise<number> {
  const part = `${path}.part`
  try {
    const size = await writeFile(part, exported(data))
    await rename(part, path)
    return size
  } catch (error) {
    await rm(part, { force: true })
    throw error
  }
}

async function* exported(data: string): AsyncGenerator<Uint8Array> {
  const socket = join(data, 'docker.sock')
  if (await answers(socket)) yield* exportedByEngine(`unix://${socket}`)
  else yield* exportedWithoutEngine(data)
}

async function* exportedByEngine(address: string): AsyncGenerator<Uint8Array> {
  const { status, body } = await engineSocket(address)({
    method: 'GET',
    path: EXPORT_PATH,
    headers: {},
    signal: new AbortController().signal,
    id: 'export',
  })
  if (status !== 200 || !body)
    throw new EngineError('unavailable', `The engine at ${address} can't export: status ${status}`)
  yield* body
}

async function* exportedWithoutEngine(data: string): AsyncGenerator<Uint8Array> {
  if (readSchema(data) === undefined)
    throw new EngineError('not-found', `There is no playground in ${data}`)
  await using held = new Resources()
  held.use(await lockData(data))
  const stores = held.use(await openFileStores(data))
  yield* exportPlayground({ ...stores, sync: () => Promise.resolve() })
}

async function writeFile(path: string, bytes: AsyncIterable<Uint8Array>): Promise<number> {
  await using file = await open(path, 'w', 0o600)
  let size = 0
  for await (const chunk of bytes) {
    for (let at = 0; at < chunk.length;)
      at += (await file.write(chunk, at, chunk.length - at)).bytesWritten
    size += chunk.length
  }
  await file.sync()
  return size
}

/**
 * `drydock import`: a file's playground in the place of a folder's. What is there stays as it is until the file has been read
 * to its end and found whole.
 * @throws EngineError `conflict` while an engine has the folder, or when a playground is there and `force` is not given
 */
export async function importFromFile(
  data: string,
  path: string,
  { force }: { readonly force: boolean },
): Promise<void> {
  const isThere = readSchema(data) !== undefined
  if (isThere && !force)
    throw new EngineError(
      'conflict',
      `There is a playground in ${data}. Give another folder with --data, or replace it with --force`,
    )
  await using held = new Resources()
  held.use(await lockData(data))
  const folder = await prepareReplacement(data)
  try {
    const file = createReadStream(path, { highWaterMark: 1 << 20 })
    held.defer(() => file.destroy())
    const stores = await importPlayground(file, ({ diskSize }) =>
      openFileStores(folder, { diskSize }).then((opened) => held.use(opened)),
    )
    await stores[Symbol.asyncDispose]()
    await replacePlayground(data)
  } catch (error) {
    await dropReplacement(data)
    throw error
  }
}
