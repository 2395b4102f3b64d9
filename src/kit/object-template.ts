import { compileTemplate, executeTemplate } from '../codec/go-template/template.ts'
import { TemplateError } from '../codec/go-template/syntax.ts'
import { ExitError } from './command.ts'

/** Fields that Go's types have and an engine leaves out when they are empty. */
const optional: readonly (readonly string[])[] = [
  ['State', 'Health'],
  ['Config', 'Healthcheck'],
  ['HostConfig', 'Init'],
  ['HostConfig', 'Mounts'],
  ['HostConfig', 'Tmpfs'],
  ['HostConfig', 'Sysctls'],
  ['HostConfig', 'StorageOpt'],
  ['Config', 'ExposedPorts'],
  ['Config', 'StopSignal'],
  ['Config', 'StopTimeout'],
  ['Config', 'Shell'],
]

function withOptional(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  const copy: Record<string, unknown> = { ...value }
  for (const [group = '', name = ''] of optional) {
    const owner = copy[group]
    if (typeof owner !== 'object' || owner === null) continue
    copy[group] = { [name]: name === 'StopSignal' ? '' : null, ...owner }
  }
  return copy
}

/**
 * Objects through a template: as they were sent, and when that fails with the fields that Go's types have besides.
 * @throws ExitError 64 for a template that can't be read
 */
export function objectTemplate(format: string): (value: unknown) => string {
  let template: ReturnType<typeof compileTemplate>
  try {
    template = compileTemplate(format)
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error
    throw new ExitError(64, `template parsing error: ${error.message}`, { cause: error })
  }
  return (value) => {
    try {
      return executeTemplate(template, value)
    } catch (first) {
      if (!(first instanceof TemplateError)) throw first
      try {
        return executeTemplate(template, withOptional(value))
      } catch {
        throw new ExitError(1, `template parsing error: ${first.message}`, { cause: first })
      }
    }
  }
}
