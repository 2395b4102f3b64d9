import type { Socket } from 'node:net'
import type { Duplex } from '../../core/duplex.ts'

/**
 * A socket as streams, with back-pressure both ways. Node's own conversion ties the two directions together, so that
 * a half-close ends both. The socket must be created with `allowHalfOpen`.
 */
export function socketDuplex(socket: Socket): Duplex {
  socket.pause()
  let failure: Error | undefined
  socket.on('error', (error) => {
    failure = error
  })

  let open = true
  const readable = new ReadableStream<Uint8Array>(
    {
      start: (controller) => {
        const finish = (): void => {
          if (!open) return
          open = false
          if (failure) controller.error(failure)
          else controller.close()
        }
        socket.on('data', (chunk: Uint8Array) => {
          if (!open) return
          controller.enqueue(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength))
          socket.pause()
        })
        socket.once('end', finish)
        socket.once('close', finish)
      },
      pull: () => {
        socket.resume()
      },
      // The other direction goes on: a reader that has enough is no reset.
      cancel: () => {
        open = false
        socket.resume()
      },
    },
    { highWaterMark: 0 },
  )

  const writable = new WritableStream<Uint8Array>({
    write: (chunk) =>
      new Promise<void>((resolve, reject) => {
        if (socket.destroyed) {
          reject(failure ?? new Error('write after the connection was closed'))
          return
        }
        socket.write(chunk, (error) => (error ? reject(error) : resolve()))
      }),
    close: () => new Promise<void>((resolve) => void socket.end(() => resolve())),
    abort: () => {
      // A reset, where there is such a thing.
      if (socket.remoteAddress === undefined) socket.destroy()
      else socket.resetAndDestroy()
    },
  })
  return { readable, writable }
}
