/** What a site's owner sets in `config.json` beside the page; each part may be absent. */
interface SiteSettings {
  /** Origins of previews, `*` for the name of one: `https://*.preview.example`. */
  readonly preview?: string
}

let loaded: Promise<SiteSettings> | undefined

/** Loaded once. A site without the file has set nothing. */
export function siteSettings(): Promise<SiteSettings> {
  loaded ??= load()
  return loaded
}

async function load(): Promise<SiteSettings> {
  try {
    const response = await fetch(new URL('config.json', document.baseURI), { cache: 'no-cache' })
    // Some hosts answer an unknown path with the page itself.
    const isJson = response.headers.get('content-type')?.includes('json') ?? false
    if (!response.ok || !isJson) return {}
    const settings: unknown = await response.json()
    if (typeof settings !== 'object' || settings === null) return {}
    const { preview } = settings as Readonly<Record<string, unknown>>
    return typeof preview === 'string' ? { preview } : {}
  } catch {
    return {}
  }
}
