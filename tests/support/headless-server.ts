import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const program = new URL('../../dist/node/drydock.js', import.meta.url).pathname

/** `drydock serve` as a process of its own, as a user starts it. Disposing it ends it and, unless it was given, removes its data. */
export interface HeadlessServer extends AsyncDisposable {
  readonly address: string
  readonly socket: string
  readonly data: string
  readonly process: ChildProcess
  /** Die at once, without a chance to tidy up. */
  kill(): Promise<void>
}

/**
 * @param share directories of this machine for `--share`
 * @param more other options
 */
export async function startServer(
  data?: string,
  share: readonly string[] = [],
  more: readonly string[] = [],
): Promise<HeadlessServer> {
  const folder = data ?? mkdtempSync(join(tmpdir(), 'drydock-serve-'))
  const socket = join(folder, 'docker.sock')
  const child = spawn(
    process.execPath,
    [
      program,
      'serve',
      '--socket',
      socket,
      '--data',
      folder,
      ...more,
      ...share.map((directory) => `--share=${directory}`),
    ],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  )
  let output = ''
  child.stderr.on('data', (chunk) => {
    output += String(chunk)
  })
  const exit = once(child, 'exit')
  const address = await new Promise<string>((resolve, reject) => {
    child.stdout.on('data', (chunk) => {
      output += String(chunk)
      const found = /listening on (\S+)/.exec(output)?.[1]
      if (found) resolve(found)
    })
    void exit.then(() => reject(new Error(`drydock serve ended: ${output}`)))
  })
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal)
    await exit
  }
  return {
    address,
    socket,
    data: folder,
    process: child,
    kill: () => end('SIGKILL'),
    [Symbol.asyncDispose]: async () => {
      await end('SIGTERM')
      if (data === undefined) rmSync(folder, { recursive: true, force: true })
    },
  }
}
