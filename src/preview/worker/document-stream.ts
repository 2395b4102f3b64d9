/** Bytes that are kept back to find a document's head, at most. */
const LOOK_MAX = 16_384

const ATTRIBUTES = `(?:\\s(?:"[^"]*"|'[^']*'|[^>"'])*)?`
/** What may stand before a document's first script (HTML, 13.1): all of it is passed, nothing else. */
const PROLOGUE = new RegExp(
  `^(?:\\ufeff|\\u00ef\\u00bb\\u00bf)?(?:\\s|<!--[^]*?-->|<\\?[^>]*>|<!doctype[^>]*>)*` +
    `(?:<html${ATTRIBUTES}>)?(?:\\s|<!--[^]*?-->)*(?:<head${ATTRIBUTES}>)?`,
  'i',
)
/** A beginning of what could belong to the prologue when more comes. */
const UNFINISHED =
  /^(?:\u00ef\u00bb?$|<(?:$|![^>]*$|!--(?:(?!-->)[^])*$|\?[^>]*$|h(?:$|tm?$|ea?$|(?:ead|tml)(?:$|\s[^]*$))))/i

/** Offset in a document where a script can be put: after `<head>` or the doctype, never before, which would mean quirks. */
export function scriptOffset(start: string, isWhole: boolean): number | undefined {
  const end = PROLOGUE.exec(start)?.[0].length ?? 0
  const rest = start.slice(end)
  if (!isWhole && start.length < LOOK_MAX && (rest === '' || UNFINISHED.test(rest)))
    return undefined
  return end
}

const isWide = (document: Uint8Array): boolean =>
  (document[0] === 0xfe && document[1] === 0xff) || (document[0] === 0xff && document[1] === 0xfe)

/** A whole document with a script in it, as `insertScript` would have it. */
export function withScript(
  document: Uint8Array<ArrayBuffer>,
  script: string,
): Uint8Array<ArrayBuffer> {
  if (isWide(document)) return document
  const start = new TextDecoder('latin1').decode(document.subarray(0, LOOK_MAX))
  const at = scriptOffset(start, true) ?? 0
  const added = new TextEncoder().encode(script)
  const whole = new Uint8Array(document.length + added.length)
  whole.set(document.subarray(0, at))
  whole.set(added, at)
  whole.set(document.subarray(at), at + added.length)
  return whole
}

/** Puts a script into a document as it passes. Bytes are taken for ASCII where it matters; UTF-16 is left alone. */
export function insertScript(script: string): TransformStream<Uint8Array, Uint8Array> {
  const latin1 = new TextDecoder('latin1')
  let kept: Uint8Array | undefined = new Uint8Array()
  const flush = (
    controller: TransformStreamDefaultController<Uint8Array>,
    isWhole: boolean,
  ): void => {
    if (!kept) return
    const at = isWide(kept) ? -1 : scriptOffset(latin1.decode(kept.subarray(0, LOOK_MAX)), isWhole)
    if (at === undefined) return
    if (at >= 0) {
      if (at > 0) controller.enqueue(kept.subarray(0, at))
      controller.enqueue(new TextEncoder().encode(script))
    }
    const rest = kept.subarray(Math.max(at, 0))
    if (rest.length > 0) controller.enqueue(rest)
    kept = undefined
  }
  return new TransformStream({
    transform: (bytes, controller) => {
      if (!kept) {
        controller.enqueue(bytes)
        return
      }
      const joined: Uint8Array = new Uint8Array(kept.length + bytes.length)
      joined.set(kept)
      joined.set(bytes, kept.length)
      kept = joined
      flush(controller, false)
    },
    flush: (controller) => flush(controller, true),
  })
}
