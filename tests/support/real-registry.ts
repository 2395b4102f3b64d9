import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { startPeer } from './relay.ts'

const catalog = new URL('../../public/registry', import.meta.url).pathname

export interface RealRegistry extends AsyncDisposable {
  readonly port: number
}

/** Debian's docker-registry on a free port of the loopback, with an image of the catalog pushed to it. */
export async function startRealRegistry(image: string, as: string): Promise<RealRegistry> {
  const folder = mkdtempSync(join(tmpdir(), 'drydock-registry-'))
  const free = await startPeer(() => undefined)
  const { port } = free
  await free[Symbol.asyncDispose]()
  const config = join(folder, 'config.yml')
  writeFileSync(
    config,
    [
      'version: 0.1',
      'log: {level: error}',
      `storage: {filesystem: {rootdirectory: ${folder}/data}}`,
      `http: {addr: 127.0.0.1:${port}}`,
      '',
    ].join('\n'),
  )
  const child = spawn('/usr/bin/docker-registry', ['serve', config], { stdio: 'ignore' })
  const exit = once(child, 'exit')
  for (;;) {
    const answer = await fetch(`http://127.0.0.1:${port}/v2/`).catch(() => undefined)
    if (answer?.ok === true) break
    if (child.exitCode !== null) throw new Error(`docker-registry ended: ${child.exitCode}`)
    await new Promise((resolve) => {
      setTimeout(resolve, 50)
    })
  }
  await promisify(execFile)('skopeo', [
    'copy',
    '--quiet',
    '--dest-tls-verify=false',
    `oci:${catalog}:docker.io/library/${image}`,
    `docker://127.0.0.1:${port}/${as}`,
  ])
  return {
    port,
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGTERM')
      await exit
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
