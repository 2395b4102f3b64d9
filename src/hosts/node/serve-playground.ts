import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { EngineError } from '../../core/error.ts'
import { pageFolder, previewFolder } from './assets.ts'
import { egressMode, egressRules, type EgressOptions } from './egress-options.ts'
import { EgressPolicy } from './egress-policy.ts'
import { RelayServer } from './relay-server.ts'
import { servePreviews } from './preview-server.ts'
import { serveFolder } from './static-server.ts'
import { untilInterrupted } from './until-interrupted.ts'

/** `drydock playground`: the page on a loopback port, until it is interrupted. */
export async function servePlayground(port: number, options: EgressOptions = {}): Promise<void> {
  if (!existsSync(join(pageFolder, 'index.html'))) {
    throw new EngineError('unavailable', 'The page is not built. Run `npm run build`.')
  }
  using relay = pageRelayServer(options)
  await using previews = await servePreviews(port === 0 ? 0 : port + 1, previewFolder)
  await using server = await serveFolder(
    pageFolder,
    port,
    { preview: previews.origins, ...(relay && { relay: relay.settings }) },
    {
      ...(relay && {
        request: (request, response) => relay.request(request, response),
        upgrade: (request, socket, head) => relay.upgrade(request, socket, head),
      }),
    },
  )
  relay?.closePort(Number(new URL(server.url).port))
  console.log(`Drydock: ${server.url}`)
  await untilInterrupted()
}

/** The relay beside the page, for this page alone. */
function pageRelayServer(options: EgressOptions): RelayServer | undefined {
  if (egressMode(options) === 'none') return undefined
  return new RelayServer({ policy: new EgressPolicy(egressRules(options)), origins: 'own' })
}
