import { spawnSync } from 'node:child_process'
import { createReadStream } from 'node:fs'
import {
  chmod,
  link,
  lstat,
  lutimes,
  mkdir,
  open,
  readdir,
  readlink,
  rename,
  rm,
  rmdir,
  symlink,
} from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { isatty } from 'node:tty'
import {
  CliFileError,
  type CliFiles,
  type CliHost,
  type CliOutput,
  type CliSignal,
  type FileEntry,
  type FileStat,
} from '../../ports/cli-host.ts'
import { errnoWords } from '../../core/errno-words.ts'

const signals: readonly CliSignal[] = [
  'SIGINT',
  'SIGTERM',
  'SIGHUP',
  'SIGQUIT',
  'SIGCONT',
  'SIGUSR2',
]

/** This process's own descriptors, files and signals. */
export function nodeCliHost(): CliHost {
  const { stdin, stdout, stderr } = process
  const terminal = stdout.isTTY ? stdout : stderr
  return {
    cwd: process.cwd(),
    env: Object.fromEntries(
      Object.entries(process.env).flatMap(([name, value]) =>
        value === undefined ? [] : [[name, value]],
      ),
    ),
    tty: [isatty(0), isatty(1), isatty(2)],
    size: () => ({ cols: terminal.columns ?? 0, rows: terminal.rows ?? 0 }),
    stdin: stdinStream(),
    stdout: output(stdout),
    stderr: output(stderr),
    setRawMode: async (raw) => {
      if (!stdin.isTTY) return
      stdin.setRawMode(raw)
      // Node leaves the output's newlines to the terminal; a program in a container has done them itself.
      if (raw) spawnSync('stty', ['-opost'], { stdio: ['inherit', 'ignore', 'ignore'] })
    },
    onSignal: (listener) => {
      const listeners = signals.map((name) => [name, () => listener(name)] as const)
      for (const [name, listen] of listeners) process.on(name, listen)
      return () => {
        for (const [name, listen] of listeners) process.off(name, listen)
      }
    },
    onResize: (listener) => {
      terminal.on('resize', listener)
      return () => void terminal.off('resize', listener)
    },
    files: nodeFiles,
    // Then this process is gone itself.
    gone: new AbortController().signal,
  }
}

/** Read only when somebody pulls. */
function stdinStream(): ReadableStream<Uint8Array> {
  let started = false
  return new ReadableStream<Uint8Array>(
    {
      pull: (controller) =>
        new Promise<void>((resolve) => {
          const { stdin } = process
          if (!started) {
            started = true
            stdin.pause()
          }
          const finish = (act: () => void): void => {
            stdin.off('data', onData).off('end', onEnd).off('close', onEnd).off('error', onError)
            stdin.pause()
            act()
            resolve()
          }
          const onData = (bytes: Uint8Array): void =>
            finish(() => controller.enqueue(new Uint8Array(bytes)))
          const onEnd = (): void => finish(() => controller.close())
          const onError = (error: Error): void => finish(() => controller.error(error))
          if (stdin.readableEnded) {
            controller.close()
            resolve()
            return
          }
          stdin.on('data', onData).on('end', onEnd).on('close', onEnd).on('error', onError)
          stdin.resume()
        }),
      cancel: () => void process.stdin.pause(),
    },
    { highWaterMark: 0 },
  )
}

function output(stream: NodeJS.WriteStream): CliOutput {
  // A reader that left is told by the write itself.
  stream.on('error', () => undefined)
  return {
    write: (bytes) =>
      new Promise((resolve, reject) => {
        stream.write(bytes, (error) => (error ? reject(error) : resolve()))
      }),
  }
}

export const nodeFiles: CliFiles = {
  read: (path) => {
    let stream: AsyncIterator<Uint8Array> | undefined
    return new ReadableStream<Uint8Array>(
      {
        pull: async (controller) => {
          stream ??= (createReadStream(path) as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]()
          const { done, value } = await told(stream.next(), path, 'open')
          if (done === true) controller.close()
          else controller.enqueue(new Uint8Array(value))
        },
        cancel: async () => void (await stream?.return?.()),
      },
      { highWaterMark: 0 },
    )
  },
  write: async (path, content, { mode, exclusive }) => {
    // Whole or not at all: what was there stays until the new content is complete.
    const target = exclusive ? path : join(dirname(path), `.${crypto.randomUUID()}`)
    const file = await told(open(target, 'wx', mode), path, 'open')
    try {
      for await (const bytes of content) await file.write(bytes)
    } catch (error) {
      await file.close()
      await rm(target, { force: true })
      throw error
    }
    await file.close()
    if (!exclusive) await told(rename(target, path), path, 'rename')
  },
  stat: (path) => told(statOf(path), path, 'lstat'),
  list: async (path) => {
    const names = (await told(readdir(path), path, 'open')).sort()
    return Promise.all(
      names.map(async (name): Promise<FileEntry> => ({
        name,
        ...(await statOf(join(path, name))),
      })),
    )
  },
  makeDirectory: async (path, mode) => {
    await told(mkdir(path, { mode }), path, 'mkdir')
  },
  makeLink: async (path, target) => {
    await told(symlink(target, path), path, 'symlink')
  },
  makeHardLink: async (path, existing) => {
    await told(link(existing, path), path, 'link')
  },
  setAttributes: async (path, { mode, mtime }) => {
    const { kind } = await nodeFiles.stat(path)
    if (kind !== 'symlink') await told(chmod(path, mode), path, 'chmod')
    await told(lutimes(path, mtime, mtime), path, 'chtimes')
  },
  remove: async (path) => {
    const { kind } = await nodeFiles.stat(path)
    await told(kind === 'directory' ? rmdir(path) : rm(path), path, 'remove')
  },
}

async function statOf(path: string): Promise<FileStat> {
  const stat = await lstat(path)
  const kind = stat.isFile()
    ? 'file'
    : stat.isDirectory()
      ? 'directory'
      : stat.isSymbolicLink()
        ? 'symlink'
        : 'other'
  const { mode, uid, gid, size, mtimeMs } = stat
  const shared = { kind, mode: mode & 0o7777, uid, gid, size, mtime: mtimeMs / 1000 } as const
  return kind === 'symlink' ? { ...shared, target: await readlink(path) } : shared
}

/** A failure in Go's words: `open x: no such file or directory`. */
async function told<T>(result: Promise<T>, path: string, action: string): Promise<T> {
  try {
    return await result
  } catch (cause) {
    const { code = 'EIO', message } = cause as NodeJS.ErrnoException
    throw new CliFileError(code, `${action} ${path}: ${errnoWords[code] ?? message}`, { cause })
  }
}
