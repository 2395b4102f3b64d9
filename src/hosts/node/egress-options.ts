import type { Egress } from '../../ports/egress.ts'
import { DirectEgress } from './direct-egress.ts'
import { EgressPolicy, type EgressRules } from './egress-policy.ts'

/** What `--egress`, `--allow` and `--only` say; the last two are lists with commas. */
export interface EgressOptions {
  readonly egress?: string | undefined
  readonly allow?: string | undefined
  readonly only?: string | undefined
}

/** @throws RangeError for an option that can't be read */
export function egressRules({ allow, only }: EgressOptions): EgressRules {
  return {
    ...(allow !== undefined && { allow: listOf(allow) }),
    ...(only !== undefined && { only: listOf(only) }),
  }
}

/**
 * The way out of a headless engine.
 * @returns undefined for none
 * @throws RangeError for an option that can't be read
 */
export function directEgress(options: EgressOptions): Egress | undefined {
  const policy = new EgressPolicy(egressRules(options))
  return egressMode(options) === 'none' ? undefined : new DirectEgress(policy)
}

/** @throws RangeError for another word */
export function egressMode({ egress = 'direct' }: EgressOptions): 'direct' | 'none' {
  if (egress === 'direct' || egress === 'none') return egress
  throw new RangeError(`--egress is 'direct' or 'none', not '${egress}'`)
}

const listOf = (text: string): string[] =>
  text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '')
