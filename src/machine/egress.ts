import type { Duplex } from '../core/duplex.ts'
import { hostAddress, refusal } from '../core/guest-egress.ts'
import type { OpenFrame } from '../core/guest-protocol.ts'
import { EgressError } from '../core/egress-error.ts'
import type { Egress, EgressTarget } from '../ports/egress.ts'
import { unexpected } from './frame.ts'
import { framedDuplex } from './framed-duplex.ts'
import type { FrameStream } from './frame-stream.ts'

/** Connections at once. guestd has streams for as many, and some to spare for all else. */
const CONNECTIONS_MAX = 512
const HEADER = 7

interface Guest {
  openStream(open: OpenFrame): Promise<FrameStream>
  readonly log: (line: string) => void
}

/** Carries what a guest connects to outside, as long as its `egress` channel is there. */
export async function carryEgress(
  channel: FrameStream,
  egress: Egress,
  guest: Guest,
): Promise<void> {
  const connecting = new Map<number, AbortController>()
  let open = 0
  try {
    for (;;) {
      const frame = await channel.read()
      if (!frame) return
      const view = new DataView(
        frame.payload.buffer,
        frame.payload.byteOffset,
        frame.payload.byteLength,
      )
      if (frame.kind === 'withdrawn' && view.byteLength === 4) {
        connecting.get(view.getUint32(0, true))?.abort(new Error('nobody waits for it any more'))
        continue
      }
      const target = frame.kind === 'connect' ? parseTarget(view) : undefined
      if (!target) unexpected(frame)
      const number = view.getUint32(0, true)
      const stop = new AbortController()
      connecting.set(number, stop)
      open++
      carry(number, target, stop.signal)
        .catch((error: unknown) => guest.log(`egress: ${String(error)}`))
        .finally(() => {
          connecting.delete(number)
          open--
        })
        // Nothing is left that could fail.
        .catch(() => undefined)
    }
  } finally {
    for (const stop of connecting.values()) stop.abort(new Error('the guest is gone'))
  }

  async function carry(number: number, target: EgressTarget, signal: AbortSignal): Promise<void> {
    let outside: Duplex
    try {
      if (open > CONNECTIONS_MAX) {
        throw new EgressError('prohibited', `more than ${CONNECTIONS_MAX} connections at once`)
      }
      outside = await egress.connect(target, signal)
    } catch (error) {
      if (signal.aborted) return
      await refuse(number, target, error)
      return
    }
    if (signal.aborted) {
      await abort(outside, signal.reason)
      return
    }
    connecting.delete(number)
    let inside: Duplex
    try {
      inside = framedDuplex(
        await guest.openStream({ channel: 'egress-accept', connection: number }),
      )
    } catch (error) {
      await abort(outside, error)
      throw error
    }
    await join(inside, outside)
  }

  async function refuse(number: number, target: EgressTarget, error: unknown): Promise<void> {
    const reason = error instanceof EgressError ? error.reason : 'no-network'
    guest.log(`egress: ${target.host}:${target.port}: ${messageOf(error)}`)
    const payload = new Uint8Array(5)
    new DataView(payload.buffer).setUint32(0, number, true)
    payload[4] = refusal[reason]
    await channel.write('refuse', payload)
  }
}

const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error)

async function abort({ readable, writable }: Duplex, reason: unknown): Promise<void> {
  await Promise.allSettled([readable.cancel(reason), writable.abort(reason)])
}

/** Both ways until both have ended; when one breaks, the other breaks with it. */
async function join(inside: Duplex, outside: Duplex): Promise<void> {
  const broken = new AbortController()
  const { signal } = broken
  const pipe = async (from: Duplex, to: Duplex): Promise<void> => {
    try {
      await from.readable.pipeTo(to.writable, { signal })
    } catch (error) {
      broken.abort(error)
    }
  }
  await Promise.all([pipe(inside, outside), pipe(outside, inside)])
}

/** @returns undefined for what is no `connect` frame */
function parseTarget(view: DataView): EgressTarget | undefined {
  if (view.byteLength < HEADER) return undefined
  const size = { 4: 4, 6: 16 }[view.getUint8(4)]
  if (size === undefined || view.byteLength !== HEADER + 2 * size) return undefined
  const bytes = new Uint8Array(view.buffer, view.byteOffset + HEADER, size)
  const host = size === 4 ? bytes.join('.') : formatSix(bytes)
  return { host: host === hostAddress ? 'localhost' : host, port: view.getUint16(5, true) }
}

const formatSix = (bytes: Uint8Array): string =>
  Array.from({ length: 8 }, (_, at) =>
    (((bytes[2 * at] ?? 0) << 8) | (bytes[2 * at + 1] ?? 0)).toString(16),
  ).join(':')
