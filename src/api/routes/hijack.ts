import type { EngineResponse } from '../../core/engine-http.ts'
import type { ClientStream } from '../../engine/containers/client-stream.ts'
import type { Call } from '../router.ts'

const raw = 'application/vnd.docker.raw-stream'
const multiplexed = 'application/vnd.docker.multiplexed-stream'

/** Of a stream that is stdcopy's without a terminal; API versions before 1.42 call both raw. */
export const streamType = (call: Call, tty: boolean): string =>
  tty || call.minor < 42 ? raw : multiplexed

/** Takes over the connection for a client of attach or exec. */
export function hijack(
  call: Call,
  client: ClientStream,
  tty: boolean,
  ended: (how: 'ended' | 'detached' | 'gone') => void = () => undefined,
): EngineResponse {
  const upgrades = call.request.headers['upgrade'] !== undefined
  return {
    status: upgrades ? 101 : 200,
    // Docker calls a stream that isn't upgraded raw, whatever it holds.
    headers: { 'content-type': upgrades ? streamType(call, tty) : raw },
    upgrade: async (connection) => ended(await client.serve(connection)),
  }
}
