/** What a visitor chose about looks. Kept in localStorage: it is there before the first paint. */
export interface Preferences {
  readonly theme: 'dark' | 'light'
  /** Of the terminal, in CSS pixels: 10 to 40. */
  readonly fontSize: number
}

const KEY = 'drydock-preferences'

const FONT_SIZES: { readonly least: number; readonly most: number } = { least: 10, most: 40 }

/** Stored, or what the system prefers. Nonsense in the store counts as nothing. */
export function readPreferences(): Preferences {
  const system: Preferences = {
    theme: matchMedia('(prefers-color-scheme: light)').matches ? 'light' : 'dark',
    fontSize: 16,
  }
  const stored: unknown = parse(storage()?.getItem(KEY) ?? null)
  if (typeof stored !== 'object' || stored === null) return system
  const { theme, fontSize } = stored as Record<string, unknown>
  return {
    theme: theme === 'dark' || theme === 'light' ? theme : system.theme,
    fontSize: typeof fontSize === 'number' ? clampFontSize(fontSize) : system.fontSize,
  }
}

export function storePreferences(preferences: Preferences): void {
  try {
    storage()?.setItem(KEY, JSON.stringify(preferences))
  } catch {
    // Full: the choice holds until the page is closed.
  }
}

export const clampFontSize = (size: number): number =>
  Math.min(FONT_SIZES.most, Math.max(FONT_SIZES.least, Math.round(size) || 16))

/** A browser that blocks a site's data throws already when asked for it. */
function storage(): Storage | undefined {
  try {
    return localStorage
  } catch {
    return undefined
  }
}

function parse(text: string | null): unknown {
  if (text === null) return undefined
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
