/** A JSON schema's check, compiled by the bundler (`.config/schema-validators.ts`). */
declare module '*.json?validator' {
  import type { ValidateFunction } from 'ajv'
  const validate: ValidateFunction
  export default validate
}
