import type { EndpointSettings } from '../../core/engine-api.ts'
import type { Address } from './addresses.ts'

/** What a client may ask of an endpoint. */
export type EndpointConfig = Partial<EndpointSettings>

/** A running container, as a network knows it. */
export interface Attachment {
  /** Of the endpoint; 64 hex characters. */
  readonly id: string
  readonly config: EndpointConfig
  /** Of the link in the container; empty in `host` and `none`. */
  readonly interface: string
  readonly mac: string
  readonly addresses: readonly Address[]
  /** Who the embedded resolver knows it as. */
  readonly names: readonly string[]
}

export const addressOf = ({ addresses }: Attachment, family: 4 | 6): Address | undefined =>
  addresses.find((address) => address.family === family)
