import { connect, type Socket } from 'node:net'
import { EgressError } from '../../core/egress-error.ts'
import type { Duplex } from '../../core/duplex.ts'
import type { Refusal } from '../../core/guest-egress.ts'
import type { Egress, EgressTarget } from '../../ports/egress.ts'
import type { CheckedAddress, EgressPolicy } from './egress-policy.ts'
import { socketDuplex } from './socket-duplex.ts'

/** Milliseconds for an address to accept, and how many of a name's are tried. */
const CONNECT_TIMEOUT = 15_000
const TRIES = 4

/** Connects from this machine, to where the policy lets. */
export class DirectEgress implements Egress {
  readonly #policy: EgressPolicy

  constructor(policy: EgressPolicy) {
    this.#policy = policy
  }

  async connect(target: EgressTarget, signal: AbortSignal): Promise<Duplex> {
    return socketDuplex(await connectChecked(this.#policy, target, signal))
  }
}

/** @throws EgressError; the signal's reason when it aborts */
export async function connectChecked(
  policy: EgressPolicy,
  target: EgressTarget,
  signal: AbortSignal,
): Promise<Socket> {
  const addresses = await policy.check(target)
  signal.throwIfAborted()
  let last: unknown
  for (const address of addresses.slice(0, TRIES)) {
    try {
      return await connectTo(address, signal)
    } catch (error) {
      signal.throwIfAborted()
      last = error
    }
  }
  throw last
}

/** By the address that was checked, so that a name can't mean another by now. */
function connectTo(
  { address, family, port }: CheckedAddress,
  signal: AbortSignal,
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: address, family, port, allowHalfOpen: true, noDelay: true })
    const finish = (end: () => void): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', stop)
      end()
    }
    const fail = (error: unknown): void => {
      finish(() => reject(error))
      socket.destroy()
    }
    const stop = (): void => fail(signal.reason)
    const timer = setTimeout(
      () => fail(new EgressError('no-host', `${address}:${port} does not answer`)),
      CONNECT_TIMEOUT,
    )
    signal.addEventListener('abort', stop, { once: true })
    socket.once('connect', () => {
      socket.off('error', failed)
      finish(() => resolve(socket))
    })
    const failed = (error: NodeJS.ErrnoException): void =>
      fail(new EgressError(reasonOf(error), error.message, { cause: error }))
    socket.once('error', failed)
    // One that comes later is told by whoever uses the socket.
    socket.on('error', () => undefined)
  })
}

const reasons: Readonly<Record<string, Refusal>> = {
  ECONNREFUSED: 'refused',
  ENETUNREACH: 'no-network',
  EADDRNOTAVAIL: 'no-network',
  EAFNOSUPPORT: 'no-network',
  EACCES: 'prohibited',
  EPERM: 'prohibited',
}

const reasonOf = ({ code = '' }: NodeJS.ErrnoException): Refusal => reasons[code] ?? 'no-host'
