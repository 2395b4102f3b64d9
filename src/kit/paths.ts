import { CliFileError, type CliHost } from '../ports/cli-host.ts'

/**
 * A file that is there, to be read.
 * @throws CliFileError before anything else is done
 */
export async function openFile(host: CliHost, path: string): Promise<ReadableStream<Uint8Array>> {
  const absolute = pathFrom(host, path)
  try {
    await host.files.stat(absolute)
  } catch (error) {
    if (!(error instanceof CliFileError)) throw error
    throw new CliFileError(error.code, error.message.replace(/^\w+ /, 'open '), { cause: error })
  }
  return host.files.read(absolute)
}

/** An absolute path without `.` and `..`. */
export function pathFrom({ cwd }: Pick<CliHost, 'cwd'>, path: string): string {
  const parts: string[] = []
  for (const part of (path.startsWith('/') ? path : `${cwd}/${path}`).split('/')) {
    if (part === '..') parts.pop()
    else if (part !== '' && part !== '.') parts.push(part)
  }
  return `/${parts.join('/')}`
}
