import type { SystemVersion } from '../../core/engine-api.ts'
import { goJson } from '../../codec/go-template/print.ts'
import { noArguments, ExitError, messageOf, type Command } from '../../kit/command.ts'
import { objectTemplate } from '../../kit/object-template.ts'
import { objectFormatFlag } from '../../kit/list-format.ts'
import { alignTabs } from '../../kit/tabwriter.ts'
import { CLI_VERSION } from '../version.ts'

export const version: Command = {
  usage: '[OPTIONS]',
  summary: 'Show the Docker version information',
  args: noArguments,
  flags: [objectFormatFlag()],
  async run({ flags, client, out, signal }) {
    const format = flags.text('format')
    const show = format === '' || format === 'json' ? undefined : objectTemplate(format)
    let server: SystemVersion | undefined
    let failure: unknown
    let apiVersion = ''
    try {
      apiVersion = (await client.api.ping(signal)).apiVersion
      server = await client.system.version(signal)
    } catch (error) {
      failure = error
    }
    const own = {
      Platform: { Name: 'Drydock' },
      Version: CLI_VERSION,
      ApiVersion: apiVersion,
      Context: 'default',
    }
    const both = { Client: { ...own, APIVersion: apiVersion }, Server: server ?? null }
    if (show) await out.line(show(both))
    else if (format === 'json') await out.line(goJson({ Client: own, Server: server ?? null }))
    else await out.write(alignTabs(text(own, server), 20, 1))
    if (failure !== undefined) throw new ExitError(1, messageOf(failure), { cause: failure })
    return 0
  },
}

function text(
  own: { Version: string; ApiVersion: string; Context: string },
  server: SystemVersion | undefined,
): string {
  const api = own.ApiVersion === '' ? '' : ` API version:\t${own.ApiVersion}\n`
  const client = `Client: Drydock\n Version:\t${own.Version}\n${api} Context:\t${own.Context}\n`
  if (server === undefined) return client
  const platform = server.Platform?.Name ?? ''
  return `${client}\nServer:${platform === '' ? '' : ` ${platform}`}\n${server.Components.map(component).join('')}`
}

function component({ Name, Version, Details }: SystemVersion['Components'][number]): string {
  if (Name !== 'Engine') {
    const details = Object.entries(Details ?? {}).sort(([left], [right]) => (left < right ? -1 : 1))
    return ` ${Name}:\n  Version:\t${Version}\n${details.map(([key, value]) => `  ${key}:\t${value}\n`).join('')}`
  }
  const of = (key: string): string => Details[key] ?? ''
  return ` Engine:
  Version:\t${Version}
  API version:\t${of('ApiVersion')} (minimum version ${of('MinAPIVersion')})
  Go version:\t${of('GoVersion')}
  Git commit:\t${of('GitCommit')}
  Built:\t${of('BuildTime')}
  OS/Arch:\t${of('Os')}/${of('Arch')}
  Experimental:\t${of('Experimental')}
`
}
