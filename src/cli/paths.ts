import type { CliHost } from '../ports/cli-host.ts'

/** An absolute path without `.` and `..`. */
export function pathFrom({ cwd }: Pick<CliHost, 'cwd'>, path: string): string {
  const parts: string[] = []
  for (const part of (path.startsWith('/') ? path : `${cwd}/${path}`).split('/')) {
    if (part === '..') parts.pop()
    else if (part !== '' && part !== '.') parts.push(part)
  }
  return `/${parts.join('/')}`
}
