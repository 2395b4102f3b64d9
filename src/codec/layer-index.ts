import type { LayerEntry } from '../core/layer.ts'

/** An entry as an array: a debian has thousands, and names of fields would be most of the bytes. */
type Row = [
  path: string,
  kind: LayerEntry['kind'],
  mode: number,
  uid: number,
  gid: number,
  mtime: number,
  size: number,
  offset: number,
  more?: {
    readonly target?: string
    readonly major?: number
    readonly minor?: number
    /** Base64. */
    readonly xattrs?: Readonly<Record<string, string>>
  },
]

/** The entries of a layer as bytes to store, so that a reload needn't read its tar again. */
export function encodeIndex(entries: readonly LayerEntry[]): Uint8Array {
  const rows = entries.map((entry): Row => {
    const { path, kind, mode, uid, gid, mtime, size, offset, target, major, minor, xattrs } = entry
    const row: Row = [path, kind, mode, uid, gid, mtime, size, offset]
    if (target !== undefined || major !== undefined || xattrs) {
      row.push({
        ...(target !== undefined && { target }),
        ...(major !== undefined && { major }),
        ...(minor !== undefined && { minor }),
        ...(xattrs && { xattrs: mapValues(xattrs, toBase64) }),
      })
    }
    return row
  })
  return new TextEncoder().encode(JSON.stringify(rows))
}

/** Bytes of `encodeIndex` only: they come from the store, which checks digests. */
export function decodeIndex(bytes: Uint8Array): LayerEntry[] {
  const rows = JSON.parse(new TextDecoder().decode(bytes)) as Row[]
  return rows.map(([path, kind, mode, uid, gid, mtime, size, offset, more]) => {
    const { xattrs, ...rest } = more ?? {}
    return {
      path,
      kind,
      mode,
      uid,
      gid,
      mtime,
      size,
      offset,
      ...rest,
      ...(xattrs && { xattrs: mapValues(xattrs, fromBase64) }),
    }
  })
}

const mapValues = <From, To>(
  values: Readonly<Record<string, From>>,
  convert: (value: From) => To,
): Record<string, To> =>
  Object.fromEntries(Object.entries(values).map(([key, value]) => [key, convert(value)]))

const toBase64 = (bytes: Uint8Array): string => btoa(String.fromCharCode(...bytes))

const fromBase64 = (text: string): Uint8Array =>
  Uint8Array.from(atob(text), (character) => character.charCodeAt(0))
