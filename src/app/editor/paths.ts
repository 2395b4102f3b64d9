/** Where the tree begins: the home of the shell's user. */
export const HOME = '/root'

export const nameOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1)
export const folderOf = (path: string): string => path.slice(0, path.lastIndexOf('/')) || '/'
export const isWithin = (path: string, folder: string): boolean =>
  path === folder || path.startsWith(`${folder}/`)

/** A path as the shell's prompt would write it, for reading. */
export const shown = (path: string): string => visible(path.replace(/^\/root(?=\/|$)/, '~'))

/**
 * A name for reading: what is no character, or none that one sees, as an escape. Bytes that are no UTF-8 come as lone
 * surrogates (codec/name-bytes).
 */
export const visible = (name: string): string =>
  name.replaceAll(
    // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
    /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e\u2066-\u2069]|[\udc80-\udcff](?<![\ud800-\udbff].)/g,
    (char) => {
      const code = char.charCodeAt(0)
      if (char === '\n') return '\\n'
      if (char === '\t') return '\\t'
      return code >= 0xdc80 && code <= 0xdcff
        ? `\\x${(code - 0xdc00).toString(16)}`
        : `\\u${code.toString(16).padStart(4, '0')}`
    },
  )

/** Why a name can't be given to a file; undefined when it can. */
export function nameTrouble(name: string): string | undefined {
  if (name === '') return 'A name is needed.'
  if (name === '.' || name === '..') return `“${name}” is the folder itself or the one above.`
  if (name.includes('/')) return 'A name can’t have a slash: make the folder first.'
  if (name.includes('\0')) return 'A name can’t have a zero byte.'
  return undefined
}
