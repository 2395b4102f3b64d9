import { expose, proxy, transfer, wrap, type Endpoint, type Remote } from 'comlink'
import { EngineError } from '../core/error.ts'
import { arrivedError, carryError, codeOf } from './engine/carried-error.ts'
import type { GuestFiles } from './guest-files.ts'
import type { Playground } from './playground.ts'

/** comlink keeps an error's name and message, which is where a carried error has its code. */
function named(error: unknown): unknown {
  if (!(error instanceof EngineError)) return error
  const { name, message } = carryError(error)
  const carrier = new Error(message, { cause: error })
  carrier.name = name
  return carrier
}

/** What a call over the link threw, with its code again. Other errors come back as they are. */
export const arrived = (error: unknown): unknown =>
  error instanceof Error && codeOf(error) !== undefined ? arrivedError(error) : error

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
    engine: (port) => carry(playground.engine(port)),
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
