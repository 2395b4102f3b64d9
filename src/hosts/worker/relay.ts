import { EgressError } from '../../core/egress-error.ts'
import type { RelaySettings } from '../../link/relay-settings.ts'
import type { Egress } from '../../ports/egress.ts'
import type { NameForwarder } from '../../ports/name-forwarder.ts'
import { withHostName } from '../host-name.ts'
import { RelayClient } from '../relay-client.ts'
import { RELAY_RESOLVER, RelayNames } from '../relay-names.ts'

/** What a learner reads where there is no way out. */
export const NO_RELAY: string =
  'Nothing leaves this page: the site names no relay, and a browser opens no TCP connections by itself. ' +
  'Containers, networks and published ports work without.'

/** The way out of a page. */
export interface PageRelay {
  readonly egress: Egress
  readonly names: NameForwarder
  /** As they are now; undefined where the site names no relay. */
  readonly settings: () => Promise<RelaySettings | undefined>
}

/**
 * By the relay that the site's `config.json` names. Nothing is connected to before somebody wants out.
 * @param base of the page's files, ending in `/`
 */
export function pageRelay(base: string, signal: AbortSignal): PageRelay {
  const load = (): Promise<RelaySettings | undefined> =>
    loadSettings(new URL('config.json', base), signal)
  const egress = new RelayClient({
    locate: async () => {
      const found = await load()
      if (!found) throw new EgressError('no-network', NO_RELAY)
      return found
    },
    open: (url, protocols) => new WebSocket(url, [...protocols]),
  })
  signal.addEventListener('abort', () => egress[Symbol.dispose](), { once: true })
  const settings = load()
  return {
    settings: load,
    egress,
    names: withHostName({
      lookup: async (question, servers) => {
        const { resolver = 'relay' } = (await settings) ?? {}
        const server = resolver === 'relay' ? RELAY_RESOLVER : resolver
        return new RelayNames(egress, server).lookup(question, servers)
      },
    }),
  }
}

async function loadSettings(file: URL, signal: AbortSignal): Promise<RelaySettings | undefined> {
  try {
    const response = await fetch(file, { cache: 'no-cache', signal })
    // Some hosts answer an unknown path with the page itself.
    const isJson = response.headers.get('content-type')?.includes('json') ?? false
    if (!response.ok || !isJson) return undefined
    return parseSettings(await response.json(), file)
  } catch {
    return undefined
  }
}

/** @returns undefined where there is none that can be used */
function parseSettings(value: unknown, base: URL): RelaySettings | undefined {
  const relay = (value as { relay?: unknown } | null)?.relay as Partial<RelaySettings> | undefined
  if (typeof relay?.url !== 'string') return undefined
  const url = new URL(relay.url, base)
  url.protocol = url.protocol.replace(/^http/, 'ws')
  return {
    url: url.href,
    ...(typeof relay.token === 'string' && { token: relay.token }),
    ...(typeof relay.resolver === 'string' && { resolver: relay.resolver }),
    registries: relay.registries === true,
  }
}
