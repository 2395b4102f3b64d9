import { readFileSync } from 'node:fs'
import { Ajv } from 'ajv'
import standalone from 'ajv/dist/standalone/index.js'
import type { Plugin } from 'vite'

const QUERY = '.json?validator'
/** Go's durations, as Compose's own validator takes them. */
const DURATION = /^[-+]?(?:0|(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+)$/

/**
 * `import validate from './x.json?validator'`: the schema's check, compiled when bundled. A page forbids code made of text
 * (its policy has no `unsafe-eval`), and compiling takes a second.
 */
export const schemaValidators = (): Plugin => ({
  name: 'schema-validators',
  load(id) {
    if (!id.endsWith(QUERY)) return undefined
    const { $schema: _, ...schema } = JSON.parse(
      readFileSync(id.slice(0, -'?validator'.length), 'utf8'),
    )
    const ajv = new Ajv({
      allErrors: true,
      strict: false,
      verbose: true,
      code: { esm: true, source: true },
    })
    ajv.addFormat('duration', DURATION)
    const code = standalone.default(ajv, ajv.compile(schema))
    const imports: string[] = []
    // ajv's own parts are required even in a module; they are CommonJS, whose default Node and bundlers give differently.
    const body = code.replaceAll(
      /require\("(ajv\/dist\/runtime\/\w+)"\)\.default/g,
      (_all, name) => {
        const part = `part${imports.length}`
        imports.push(`import ${part} from '${name}.js'`)
        return `(${part}.default ?? ${part})`
      },
    )
    return { code: `${imports.join('\n')}\n${body}`, map: null, moduleType: 'js' }
  },
})
