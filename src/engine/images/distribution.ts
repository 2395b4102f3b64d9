import type { OciDescriptor, OciIndex, OciManifest, OciPlatform } from '../../core/oci.ts'
import { parseReference, withDefaultTag } from '../../core/reference.ts'
import type { RegistryTransport } from '../../ports/registry-transport.ts'
import { parseConfig } from './parse-config.ts'
import { RegistryClient } from './registry-client.ts'
import type { Credentials } from './registry-tokens.ts'

/** `GET /distribution/{name}/json` */
export interface DistributionInspect {
  readonly Descriptor: Pick<OciDescriptor, 'mediaType' | 'digest' | 'size'>
  readonly Platforms: readonly OciPlatform[]
}

export async function distribution(
  transport: RegistryTransport,
  name: string,
  signal: AbortSignal,
  credentials?: Credentials,
): Promise<DistributionInspect> {
  const reference = withDefaultTag(parseReference(name))
  const client = new RegistryClient(transport, reference, credentials)
  const { mediaType, digest, bytes, value } = await client.manifest(reference, signal)
  const { manifests } = value as Partial<OciIndex>
  return {
    Descriptor: { mediaType, digest, size: bytes.length },
    Platforms: manifests
      ? manifests.flatMap(({ platform }) => (platform ? [platform] : []))
      : [await platformOf(client, value as OciManifest, signal)],
  }
}

async function platformOf(
  client: RegistryClient,
  { config }: OciManifest,
  signal: AbortSignal,
): Promise<OciPlatform> {
  const { os, architecture } = parseConfig(await client.blob(config.digest, config.size, signal))
  return { os, architecture }
}
