import { frameKind, FRAME_HEADER_SIZE, type OpenFrame } from '../../src/core/guest-protocol.ts'
import type { Duplex } from '../../src/core/duplex.ts'

/** What opens a raw stream to guestd: the machine. */
interface Opener {
  openStream(open: OpenFrame): Promise<Duplex>
}

const WRITE = 65_536

/** Megabytes a second of one stream from the guest, whole frames of 64 KiB. */
export async function streamOut(machine: Opener, bytes: number): Promise<number> {
  const started = performance.now()
  const stream = await machine.openStream({ channel: 'source', bytes, write: WRITE })
  const reader = stream.readable.getReader()
  let received = 0
  for (;;) {
    const { done, value } = await reader.read()
    if (done) break
    received += value.length
  }
  if (received < bytes) throw new Error(`got ${received} of ${bytes} bytes`)
  return bytes / 1000 / (performance.now() - started)
}

/** Megabytes a second of one stream into the guest, until guestd has answered the end. */
export async function streamIn(machine: Opener, bytes: number): Promise<number> {
  const started = performance.now()
  const stream = await machine.openStream({ channel: 'sink' })
  const writer = stream.writable.getWriter()
  const frame = frameOf('data', WRITE - FRAME_HEADER_SIZE)
  for (let sent = 0; sent < bytes; sent += WRITE) await writer.write(frame)
  await writer.write(frameOf('end', 0))
  const reader = stream.readable.getReader()
  await reader.read()
  const rate = bytes / 1000 / (performance.now() - started)
  await writer.close()
  await reader.cancel()
  return rate
}

function frameOf(kind: 'data' | 'end', length: number): Uint8Array {
  const frame = new Uint8Array(FRAME_HEADER_SIZE + length)
  new DataView(frame.buffer).setUint32(0, length, true)
  frame[4] = frameKind[kind]
  return frame
}
