import { EngineError, statusOf, type ErrorCode } from '../../core/error.ts'

/** An error as a message has it: `name` is an EngineError's code behind `EngineError:`, else the error's own. */
export interface CarriedError {
  readonly name: string
  readonly message: string
}

const PREFIX = 'EngineError:'

const isCode = (text: string): text is ErrorCode => Object.hasOwn(statusOf, text)

/** An error for the other side, without what is ours alone: stack and cause. */
export function carryError(error: unknown): CarriedError {
  if (error instanceof EngineError) return { name: PREFIX + error.code, message: error.message }
  if (error instanceof Error) return { name: error.name, message: error.message }
  return { name: 'Error', message: String(error) }
}

/** The code of an EngineError that was carried; undefined for other errors. */
export function codeOf({ name }: CarriedError): ErrorCode | undefined {
  const code = name.startsWith(PREFIX) ? name.slice(PREFIX.length) : ''
  return isCode(code) ? code : undefined
}

/** What was carried, as an error of this side. */
export function arrivedError(carried: CarriedError): Error {
  const code = codeOf(carried)
  if (code !== undefined) return new EngineError(code, carried.message)
  const error = new Error(carried.message)
  error.name = carried.name
  return error
}
