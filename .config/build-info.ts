import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

const root = new URL('..', import.meta.url).pathname

function git(...args: string[]): string | undefined {
  try {
    return execFileSync('git', ['-C', root, ...args], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim()
  } catch {
    // A copy without its history.
    return undefined
  }
}

const { version } = JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as { version: string }

/** What a bundle knows of its origin; time is that of the commit, so that a build can be repeated. */
export const buildInfo = {
  version,
  gitCommit: git('rev-parse', '--short=12', 'HEAD') ?? 'unknown',
  buildTime: git('log', '-1', '--format=%cI') ?? '1970-01-01T00:00:00Z',
}
