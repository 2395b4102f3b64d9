import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { EngineError } from '../../core/error.ts'
import { pageFolder } from './assets.ts'
import { serveFolder } from './static-server.ts'
import { untilInterrupted } from './until-interrupted.ts'

/** `drydock playground`: the page on a loopback port, until it is interrupted. */
export async function servePlayground(port: number): Promise<void> {
  if (!existsSync(join(pageFolder, 'index.html'))) {
    throw new EngineError('unavailable', 'The page is not built. Run `npm run build`.')
  }
  await using server = await serveFolder(pageFolder, port)
  console.log(`Drydock: ${server.url}`)
  await untilInterrupted()
}
