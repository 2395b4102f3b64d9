import { createHash } from 'node:crypto'
import { mkdirSync, realpathSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { tmpdir } from 'node:os'
import { EngineError } from '../../core/error.ts'
import { removeStale } from './unix-socket.ts'

/** The longest path a unix socket can have is 107 bytes (unix(7)). */
const PATH_MAX = 107

/**
 * Hold a data folder against other engines: a socket that is listened on, so that the kernel lets go of it however the
 * process dies.
 * @throws EngineError `conflict` when another engine holds it
 */
export async function lockData(folder: string): Promise<AsyncDisposable> {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  // However the folder is called: its lock is one.
  const path = lockPath(realpathSync(folder))
  const inUse = new EngineError(
    'conflict',
    `Another engine is using ${folder}. Stop that one, or give another folder with --data`,
  )
  if (!(await removeStale(path))) throw inUse
  const server = createServer((socket) => socket.destroy())
  await new Promise<void>((settle, reject) => {
    server.once('error', () => reject(inUse))
    server.listen(path, settle)
  })
  server.unref()
  return {
    [Symbol.asyncDispose]: () => new Promise((settle) => void server.close(() => settle())),
  }
}

function lockPath(folder: string): string {
  const path = join(folder, 'lock.sock')
  if (Buffer.byteLength(path) <= PATH_MAX) return path
  return join(
    tmpdir(),
    `drydock-${createHash('sha256').update(folder).digest('hex').slice(0, 32)}.sock`,
  )
}
