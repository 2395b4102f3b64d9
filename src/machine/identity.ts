import { hex } from '../core/hex.ts'

export interface MachineIdentity {
  /** Context id of its sockets: 3 to 2^31. */
  readonly cid: number
  /** 32 hex characters, as /etc/machine-id has them. */
  readonly machineId: string
}

/** What one engine's machines are called; the same for the same engine, and not for another. */
export async function identityOf(engineId: string): Promise<MachineIdentity> {
  const text = new TextEncoder().encode(`drydock machine ${engineId}`)
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', text))
  const machineId = hex(digest.subarray(0, 16))
  const number = new DataView(digest.buffer).getUint32(16, true)
  return { cid: 3 + (number % 0x7fff_fff0), machineId }
}
