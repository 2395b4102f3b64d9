/** What a visitor chose about looks. Kept in localStorage: it is there before the first paint. */
export interface Preferences {
  readonly theme: 'dark' | 'light'
  /** Of the terminal, in CSS pixels: 10 to 40. */
  readonly fontSize: number
  /** Of the side panel, in CSS pixels; 0: as the window is. */
  readonly panelWidth: number
}

const KEY = 'drydock-preferences'

const FONT_SIZES: { readonly least: number; readonly most: number } = { least: 10, most: 40 }

/** Stored, or what the system prefers. Nonsense in the store counts as nothing. */
export function readPreferences(): Preferences {
  const system: Preferences = {
    theme: matchMedia('(prefers-color-scheme: light)').matches ? 'light' : 'dark',
    fontSize: fittingFontSize(innerWidth),
    panelWidth: 0,
  }
  const stored: unknown = parse(storage()?.getItem(KEY) ?? null)
  if (typeof stored !== 'object' || stored === null) return system
  const { theme, fontSize, panelWidth } = stored as Record<string, unknown>
  return {
    theme: theme === 'dark' || theme === 'light' ? theme : system.theme,
    fontSize: typeof fontSize === 'number' ? clampFontSize(fontSize) : system.fontSize,
    panelWidth: typeof panelWidth === 'number' && panelWidth > 0 ? panelWidth : 0,
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

/**
 * As large as lets `docker ps` with a published port stand in a line, but readable from a room's last row: that line has
 * some 130 characters, and one of a monospace font is 0.6 of its size wide.
 */
const fittingFontSize = (width: number): number =>
  Math.min(18, Math.max(14, Math.floor(width / 130 / 0.6)))

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
