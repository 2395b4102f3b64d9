import { expect, test } from 'vitest'
import { insertScript, scriptOffset, withScript } from './document-stream.ts'

// Where the script `!` goes: after <head> or the doctype, never before the doctype (quirks mode).
test.each([
  ['<!doctype html><html><head><title>x', '<!doctype html><html><head>!<title>x'],
  [
    '<!DOCTYPE html>\n<html lang="a>b">\n<HEAD class=x>\n<meta>',
    '<!DOCTYPE html>\n<html lang="a>b">\n<HEAD class=x>!\n<meta>',
  ],
  ['<!-- c --><!doctype html><p>', '<!-- c --><!doctype html>!<p>'],
  ['<p>bare', '!<p>bare'],
  ['<header>no head', '!<header>no head'],
  ['<html><body>', '<html>!<body>'],
  ['plain text', '!plain text'],
  ['', '!'],
  ['<!doctype html', '!<!doctype html'],
  ['\u{ef}\u{bb}\u{bf}<!doctype html><head>', '\u{ef}\u{bb}\u{bf}<!doctype html><head>!'],
])('%j becomes %j, whole and byte by byte', async (document, expected) => {
  const bytes = Uint8Array.from(document, (letter) => letter.charCodeAt(0))
  for (const size of [1, 3, 1000]) {
    const source = new ReadableStream<Uint8Array>({
      start: (controller) => {
        for (let at = 0; at < bytes.length; at += size)
          controller.enqueue(bytes.subarray(at, at + size))
        controller.close()
      },
    })
    const text = new TextDecoder('latin1').decode(
      await new Response(source.pipeThrough(insertScript('!'))).arrayBuffer(),
    )
    expect(text).toBe(expected)
  }
  expect(new TextDecoder('latin1').decode(withScript(bytes, '!'))).toBe(expected)
})

test('a document of UTF-16 passes as it is', async () => {
  const bytes = new Uint8Array([0xff, 0xfe, 60, 0, 104, 0])
  const source = new Response(bytes).body as ReadableStream<Uint8Array>
  const out = await new Response(source.pipeThrough(insertScript('!'))).arrayBuffer()
  expect([...new Uint8Array(out)]).toEqual([...bytes])
})

test('a comment that never ends is not waited for', () => {
  expect(scriptOffset('<!--', false)).toBeUndefined()
  expect(scriptOffset(`<!--${'x'.repeat(20_000)}`, false)).toBe(0)
})
