/** `type=cache,target=/x,ro` as names and values; a name alone is true. Values may be quoted as in CSV. */
export function mountOptions(text: string): ReadonlyMap<string, string> {
  const options = new Map<string, string>()
  for (const [field] of text.matchAll(/(?:"(?:[^"]|"")*"|[^,])+/g)) {
    const plain = field.startsWith('"') ? field.slice(1, -1).replaceAll('""', '"') : field
    const at = plain.indexOf('=')
    const name = (at < 0 ? plain : plain.slice(0, at)).trim().toLowerCase()
    options.set(name, at < 0 ? 'true' : plain.slice(at + 1))
  }
  return options
}
