import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import type { Result } from './docker-cli.ts'

const program = new URL('../../dist/node/drydock.js', import.meta.url).pathname

/** Our own CLI as a process, against an engine. */
export async function runDocker(address: string, args: readonly string[]): Promise<Result> {
  const child = spawn(process.execPath, [program, 'docker', '--host', address, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'exit') as Promise<[number]>,
  ])
  return { code, stdout, stderr }
}
