import { EngineError } from '../../core/error.ts'
import type { OciDescriptor, OciIndex, OciPlatform } from '../../core/oci.ts'

/** What the machine runs. */
export const PLATFORM = { os: 'linux', architecture: '386' } as const

export const nameOf = ({ os, architecture, variant }: OciPlatform): string =>
  `${os}/${architecture}${variant ? `/${variant}` : ''}`

export const isRunnable = ({
  os,
  architecture,
}: Pick<OciPlatform, 'os' | 'architecture'>): boolean =>
  os === PLATFORM.os && architecture === PLATFORM.architecture

/** Attestations are listed as `unknown/unknown`. */
const isImage = (descriptor: OciDescriptor): boolean =>
  descriptor.platform?.os !== 'unknown' && descriptor.artifactType === undefined

/**
 * The manifest for the machine among an index's.
 * @throws EngineError `not-found` that tells what the image offers
 */
export function selectManifest(index: OciIndex): OciDescriptor {
  const images = index.manifests.filter(isImage)
  const found = images.find(({ platform }) => platform && isRunnable(platform))
  if (found) return found
  throw noMatch(images.map(({ platform }) => (platform ? nameOf(platform) : 'unknown')))
}

/** @param offers platforms by name */
export function noMatch(offers: readonly string[]): EngineError {
  const list = [...new Set(offers)].join(', ')
  return new EngineError(
    'not-found',
    `no matching manifest for ${nameOf(PLATFORM)} in the manifest list entries: the image offers ${list || 'nothing'}`,
  )
}

/**
 * `--platform` may name the machine's own only.
 * @throws EngineError `invalid-parameter`
 */
export function checkPlatform(text: string): void {
  if (!text) return
  const [os = '', architecture = os] = text.toLowerCase().split('/')
  const known =
    (os === 'linux' || os === architecture) &&
    ['386', 'i386', 'i686', 'linux'].includes(architecture)
  if (!known) {
    throw new EngineError(
      'invalid-parameter',
      `Drydock's machine runs ${nameOf(PLATFORM)} only, not ${text}`,
    )
  }
}
