import { listen } from './listen.ts'
import { startHeadless } from './headless.ts'
import type { Address } from './listen.ts'
import { untilInterrupted } from './until-interrupted.ts'

/** `drydock serve`: the engine on a unix socket or a loopback port, until it is interrupted. Prints one line when it answers. */
export async function serve(address: Address, data: string): Promise<void> {
  await using headless = await startHeadless({ data })
  await using listening = await listen(address, headless.handler, headless.requestId)
  console.log(`drydock: listening on ${listening.address}`)
  await untilInterrupted()
}
