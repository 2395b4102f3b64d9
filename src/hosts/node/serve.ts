import { withExport } from './export-route.ts'
import { listen } from './listen.ts'
import { startHeadless, type HeadlessOptions } from './headless.ts'
import type { Address } from './listen.ts'
import { untilInterrupted } from './until-interrupted.ts'

/** `drydock serve`: the engine on a unix socket or a loopback port, until it is interrupted. Prints one line when it answers. */
export async function serve(address: Address, options: HeadlessOptions): Promise<void> {
  await using headless = await startHeadless(options)
  const handler = withExport(headless.handler, headless.source)
  await using listening = await listen(address, handler, headless.requestId)
  headless.room.watch((trouble) =>
    console.error(
      trouble === undefined
        ? 'drydock: there is room again, all containers go on'
        : `drydock: ${trouble}. Containers are paused and nothing is lost; they go on when there is room: docker system prune frees some`,
    ),
  )
  console.log(`drydock: listening on ${listening.address}`)
  await untilInterrupted()
}
