import { isDigest, type Digest } from './digest.ts'
import { EngineError } from './error.ts'

/** An image reference in full (distribution/reference v0.6, normalize.go): `docker.io/library/busybox:latest`. */
export interface Reference {
  /** `docker.io`, `localhost:5000` */
  readonly domain: string
  /** `library/busybox` */
  readonly path: string
  readonly tag?: string
  readonly digest?: Digest
}

const COMPONENT = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*'
const DOMAIN =
  /^(?:(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])(?:\.(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9]))*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?$/
const PATH = new RegExp(`^${COMPONENT}(?:/${COMPONENT})*$`)
const TAG = /^\w[\w.-]{0,127}$/
/** Of domain and path together, in characters. */
const NAME_MAX = 255

const invalid = (detail = ''): EngineError =>
  new EngineError('invalid-parameter', `invalid reference format${detail && `: ${detail}`}`)

/**
 * Parse what a user types; neither tag nor digest is added.
 * @throws EngineError `invalid-parameter` in Docker's words
 */
export function parseReference(text: string): Reference {
  if (/^[a-f0-9]{64}$/.test(text)) {
    throw new EngineError(
      'invalid-parameter',
      `invalid repository name (${text}), cannot specify 64-byte hexadecimal strings`,
    )
  }
  let rest = text
  let digest: Digest | undefined
  const at = rest.indexOf('@')
  if (at >= 0) {
    const given = rest.slice(at + 1)
    if (!isDigest(given)) {
      throw given.startsWith('sha256:')
        ? new EngineError('invalid-parameter', 'invalid checksum digest length')
        : invalid()
    }
    digest = given
    rest = rest.slice(0, at)
  }
  const { domain, remainder } = splitDomain(rest)
  const colon = remainder.indexOf(':')
  const path = colon >= 0 ? remainder.slice(0, colon) : remainder
  const tag = colon >= 0 ? remainder.slice(colon + 1) : undefined
  if (path.toLowerCase() !== path) throw invalid(`repository name (${path}) must be lowercase`)
  if (!DOMAIN.test(domain) || !PATH.test(path)) throw invalid()
  if (tag !== undefined && !TAG.test(tag)) throw invalid()
  if (domain.length + 1 + path.length > NAME_MAX) {
    throw new EngineError(
      'invalid-parameter',
      `repository name must not be more than ${NAME_MAX} characters`,
    )
  }
  return { domain, path, ...(tag !== undefined && { tag }), ...(digest && { digest }) }
}

function splitDomain(name: string): { domain: string; remainder: string } {
  const slash = name.indexOf('/')
  const first = slash >= 0 ? name.slice(0, slash) : ''
  const isDomain =
    slash >= 0 && (/[.:]/.test(first) || first === 'localhost' || first.toLowerCase() !== first)
  let domain = isDomain ? first : 'docker.io'
  let remainder = isDomain ? name.slice(slash + 1) : name
  if (domain === 'index.docker.io') domain = 'docker.io'
  if (domain === 'docker.io' && !remainder.includes('/')) remainder = `library/${remainder}`
  return { domain, remainder }
}

/** `latest` where neither tag nor digest is given. */
export const withDefaultTag = (reference: Reference): Reference =>
  reference.tag !== undefined || reference.digest ? reference : { ...reference, tag: 'latest' }

/** As Docker shows it: `busybox`, `localhost:5000/app`. */
export function familiarName({ domain, path }: Reference): string {
  if (domain !== 'docker.io') return `${domain}/${path}`
  return /^library\/[^/]+$/.test(path) ? path.slice('library/'.length) : path
}

/** Name with tag and digest as Docker shows it: `busybox:latest`. */
export const familiar = (reference: Reference): string =>
  familiarName(reference) + suffix(reference)

/** `docker.io/library/busybox:latest` */
export const canonical = (reference: Reference): string =>
  `${reference.domain}/${reference.path}${suffix(reference)}`

const suffix = ({ tag, digest }: Reference): string =>
  (tag === undefined ? '' : `:${tag}`) + (digest ? `@${digest}` : '')
