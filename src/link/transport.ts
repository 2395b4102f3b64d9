import { expose, proxy, transfer, wrap, type Endpoint, type Remote } from 'comlink'
import { EngineError, statusOf, type ErrorCode } from '../core/error.ts'
import type { GuestFiles } from './guest-files.ts'
import type { Playground } from './playground.ts'

/** comlink keeps an error's name and message, so the code crosses in the name: `EngineError:conflict`. */
const PREFIX = 'EngineError:'

const isCode = (text: string): text is ErrorCode => text in statusOf

function named(error: unknown): unknown {
  if (!(error instanceof EngineError)) return error
  const carrier = new Error(error.message, { cause: error })
  carrier.name = PREFIX + error.code
  return carrier
}

/** What a call over the link threw, with its code again. Other errors come back as they are. */
export function arrived(error: unknown): unknown {
  if (!(error instanceof Error) || !error.name.startsWith(PREFIX)) return error
  const code = error.name.slice(PREFIX.length)
  return isCode(code) ? new EngineError(code, error.message, { cause: error }) : error
}

const carry = async <T>(call: Promise<T>): Promise<T> => {
  try {
    return await call
  } catch (error) {
    throw named(error)
  }
}

/** In the worker: answer the page's calls. */
export function exposePlayground(playground: Playground): void {
  const exposed: Playground = {
    open: (options, onStatus) => carry(playground.open(options, onStatus)),
    terminal: (size, sink) => carry(playground.terminal(size, sink).then(callable)),
    files: () => carry(playground.files().then((files) => callable(carrying(files)))),
    preview: (port, channel) => carry(playground.preview(port, channel)),
    diagnostics: () => carry(playground.diagnostics()),
    exportPlayground: (onProgress) => carry(playground.exportPlayground(onProgress)),
    importPlayground: (file, onProgress) => carry(playground.importPlayground(file, onProgress)),
    close: () => carry(playground.close()),
  }
  expose(exposed)
}

const carrying = (files: GuestFiles): GuestFiles => ({
  list: (path) => carry(files.list(path)),
  stat: (path) => carry(files.stat(path)),
  read: (path) =>
    carry(
      files
        .read(path)
        .then((reader) =>
          callable({ next: () => carry(reader.next()), close: () => carry(reader.close()) }),
        ),
    ),
  write: (path, source, expected) => carry(files.write(path, source, expected)),
  makeDirectory: (path) => carry(files.makeDirectory(path)),
  move: (path, to) => carry(files.move(path, to)),
  remove: (path) => carry(files.remove(path)),
})

/** The worker's side as the page sees it. */
export type RemotePlayground = Remote<Playground>

/** In the page: call the worker. Its errors go through `arrived`. */
export const connectPlayground = (worker: Endpoint): RemotePlayground => wrap<Playground>(worker)

/** An object whose methods the other side calls here. */
export const callable = <T extends object>(target: T): ReturnType<typeof proxy<T>> => proxy(target)

/** A port that goes to the other side for good. */
export const given = (port: MessagePort): MessagePort => transfer(port, [port])
