/** `relay` in a site's `config.json`. */
export interface RelaySettings {
  /** Of a Wisp 2 relay: `wss://relay.example/relay/`, or relative to the page. */
  readonly url: string
  readonly token?: string
  /** Where names are asked for by TCP: an address, or `relay` for the relay's own resolver, which is the default. */
  readonly resolver?: string
  /** It fetches from registries, too, as Drydock's own does. */
  readonly registries?: boolean
}
