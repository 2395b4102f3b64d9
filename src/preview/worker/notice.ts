import type { PreviewFailure } from '../../link/preview.ts'

const TITLES: Readonly<Record<PreviewFailure, string>> = {
  refused: 'Nothing answers yet',
  closed: 'The port is closed',
  broken: 'The answer can’t be shown',
  busy: 'Too many requests at once',
}

const escape = (text: string): string =>
  text.replaceAll(/[&<>"']/g, (letter) => `&#${letter.charCodeAt(0)};`)

/** A page of the preview's own, where the container's would stand. What may get better is asked again by itself. */
export function notice(failure: PreviewFailure, message: string, port: number): Response {
  const refresh =
    failure === 'refused' || failure === 'closed' ? '<meta http-equiv="refresh" content="2">' : ''
  const html = `<!doctype html><html lang="en"><head><meta charset="utf-8">${refresh}
<title>localhost:${port}</title><style>
body{margin:0;min-height:100vh;display:grid;place-content:center;padding:2em;box-sizing:border-box;
font:16px/1.5 system-ui,sans-serif;background:#f6f8fa;color:#1f2328;text-align:center}
h1{font-size:1.3em;margin:0}p{max-width:34em;color:#57606a}code{color:#1f2328}
@media(prefers-color-scheme:dark){body{background:#0d1117;color:#e6edf3}p{color:#9da7b3}code{color:#e6edf3}}
</style></head><body><h1>${TITLES[failure]}</h1><p><code>localhost:${port}</code></p>
<p>${escape(message)}</p></body></html>`
  return new Response(html, {
    status: failure === 'busy' || failure === 'closed' ? 503 : 502,
    headers: { 'content-type': 'text/html; charset=utf-8', 'x-drydock-preview': failure },
  })
}
