import { expect, test } from 'vitest'
import { routesOf } from '../../src/api/handler.ts'
import type { Route } from '../../src/api/router.ts'
import { statusOf } from '../../src/core/error.ts'
import { openEngine } from '../support/api-client.ts'

const head = `# The routes of the Engine API

From the routes themselves, as \`src/api\` has them; \`npm run docs\` writes this file again.
What isn't here is answered 404 \`page not found\`. [engine-api.md](engine-api.md) says how things are served.
`

/** One row for all methods of a path that are answered alike. */
function rowsOf(routes: readonly Route[]): string[] {
  const rows = new Map<string, { readonly methods: string[]; readonly cells: string }>()
  for (const { method, path, limits, refused } of routes) {
    const answer = refused ? `refused: ${statusOf[refused]}` : 'served'
    const cells = `\`${path}\` | ${answer}${limits === undefined ? '' : `: ${limits}`}`
    const row = rows.get(cells)
    if (row) row.methods.push(method)
    else rows.set(cells, { methods: [method], cells })
  }
  return [...rows.values()].map(({ methods, cells }) => `| ${methods.join(', ')} | ${cells} |`)
}

const documentOf = (routes: readonly Route[]): string =>
  [head, '| methods | path | answer |', '|---|---|---|', ...rowsOf(routes), ''].join('\n')

test('docs/api.md tells every route', async () => {
  await using engine = await openEngine()
  await expect(documentOf(routesOf(engine.engine))).toMatchFileSnapshot('../../docs/api.md')
})

test('a route that is refused answers so', async () => {
  await using engine = await openEngine()
  const refused = routesOf(engine.engine).filter((route) => route.refused)
  expect(refused.length).toBeGreaterThan(0)
  for (const { method, path, refused: code } of refused) {
    const answer = await engine.request(method, path.replaceAll(/\{\w+(\.\.\.)?\}/g, 'x'))
    expect(answer.status, `${method} ${path}`).toBe(code && statusOf[code])
  }
})
