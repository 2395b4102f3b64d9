import { ExitError } from '../command.ts'

/** `user/app:cache` and `type=registry,ref=user/app:cache` */
export function cacheImage(text: string): string {
  if (!text.includes('=')) return text
  const reference = /(?:^|,)ref=([^,]+)/.exec(text)?.[1]
  if (/(?:^|,)type=registry(?:,|$)/.test(text) && reference !== undefined) return reference
  throw new ExitError(1, `ERROR: Drydock can take its cache from images only, not from ${text}`)
}
