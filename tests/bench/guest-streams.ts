import type { GuestMachine } from '../../src/machine/guest-machine.ts'

const WRITE = 65_536

/** Megabytes a second of one stream from the guest, frames of 64 KiB. */
export async function streamOut(machine: GuestMachine, bytes: number): Promise<number> {
  const started = performance.now()
  const stream = await machine.openStream({ channel: 'source', bytes, write: WRITE })
  let received = 0
  for (let frame = await stream.read(); frame; frame = await stream.read()) {
    received += frame.payload.length
  }
  if (received < bytes) throw new Error(`got ${received} of ${bytes} bytes`)
  return bytes / 1000 / (performance.now() - started)
}

/** Megabytes a second of one stream into the guest, until guestd has answered the end. */
export async function streamIn(machine: GuestMachine, bytes: number): Promise<number> {
  const started = performance.now()
  const stream = await machine.openStream({ channel: 'sink' })
  const payload = new Uint8Array(WRITE)
  for (let sent = 0; sent < bytes; sent += WRITE) await stream.write('data', payload)
  await stream.write('end')
  const answer = await stream.read()
  if (answer?.kind !== 'end') throw new Error('the sink did not answer')
  const rate = bytes / 1000 / (performance.now() - started)
  stream.reset(new Error('done'))
  return rate
}
