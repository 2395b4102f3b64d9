import type { Socket } from 'node:net'
import type { Duplex } from '../../core/duplex.ts'

/**
 * A socket as streams, with back-pressure both ways. Node's own conversion ties the two directions together, so that
 * a half-close ends both. The socket must be created with `allowHalfOpen`.
 */
export function socketDuplex(socket: Socket): Duplex {
  socket.pause()
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  let failure: Error | undefined
  socket.on('error', (error) => {
    failure = error
  })

  const readable = new ReadableStream<Uint8Array>(
    {
      start: (controller) => {
        let open = true
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
    close: async () => {
      socket.end()
      // A peer that never closes its half would keep the descriptor; it has all there is.
      const timer = setTimeout(() => socket.destroy(), 5000)
      await closed
      clearTimeout(timer)
    },
    abort: () => {
      socket.destroy()
    },
  })
  return { readable, writable }
}
