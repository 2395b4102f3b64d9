/** The name of a preview's origin: slot of the browser's tab, port of the container. */
export interface PreviewOrigin {
  readonly port: number
  /** The same slot's origin for another port. */
  readonly of: (port: number) => string
  readonly origin: string
}

const LOOPBACK = /^(localhost|127(\.\d+){3}|0\.0\.0\.0|\[::1?\])$/

/** Undefined for an address that is no preview's. */
export function previewOrigin(address: URL): PreviewOrigin | undefined {
  const [, slot, port, rest] = /^s(\d+)-(\d+)(\..+)$/.exec(address.host) ?? []
  if (slot === undefined || port === undefined || rest === undefined) return undefined
  return {
    port: Number(port),
    of: (other) => `${address.protocol}//s${slot}-${other}${rest}`,
    origin: address.origin,
  }
}

const portOf = (url: URL): number =>
  url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port)

/** Whether an address means this container's server: by the preview's name or by that of the computer. */
export const isOwn = (url: URL, own: PreviewOrigin): boolean =>
  url.origin === own.origin ||
  ((url.protocol === 'http:' || url.protocol === 'ws:') &&
    LOOPBACK.test(url.hostname) &&
    portOf(url) === own.port)

/** Where a redirect leads in the preview; the text as it is when it leads elsewhere. */
export function redirectTarget(location: string, path: string, own: PreviewOrigin): string {
  let url: URL
  try {
    url = new URL(location, own.origin + path)
  } catch {
    return location
  }
  if (!/^https?:$/.test(url.protocol) || !LOOPBACK.test(url.hostname)) return url.href
  return own.of(portOf(url)) + url.pathname + url.search + url.hash
}
