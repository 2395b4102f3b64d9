/** Go's `%q` of a text and of a list, as BuildKit writes them into an image's history. */
const quoted = (text: string): string => JSON.stringify(text)

export const quotedList = (list: readonly string[]): string => `[${list.map(quoted).join(' ')}]`
