import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What pages report by HTTP, where no debugger may look. */
export interface ReportServer<T> extends AsyncDisposable {
  readonly url: string
  /** The next report that matches, of those to come and those that nobody took yet. */
  until(match: (report: T) => boolean): Promise<T>
}

export async function startReports<T>(): Promise<ReportServer<T>> {
  let reports: readonly T[] = []
  let wake = (): void => undefined
  const server = createServer((request, response) => {
    let text = ''
    request.on('data', (chunk) => {
      text += String(chunk)
    })
    request.on('end', () => {
      response.end()
      reports = [...reports, JSON.parse(text) as T]
      wake()
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    until: async (match) => {
      for (;;) {
        const found = reports.find(match)
        if (found) {
          reports = reports.filter((report) => report !== found)
          return found
        }
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
    },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
