import { streamOf } from '../../client/api-client.ts'
import { joinBytes } from '../../codec/join-bytes.ts'
import { TarWriter } from '../../codec/tar/write.ts'
import type { FileReference } from '../build-config.ts'
import type { ConfigObjectConfig, Project, SecretConfig } from '../project.ts'
import type { ServiceConfig } from '../service.ts'
import { fileTarget } from './mounts.ts'
import type { Session } from './session.ts'

/** Write a service's secrets and configs that are no files into its container, before it starts. */
export async function injectFiles(
  { client, signal }: Session,
  project: Project,
  service: ServiceConfig,
  container: string,
): Promise<void> {
  const uses = [
    ...(service.secrets ?? []).map((use) => ({ use, kind: 'secret' as const })),
    ...(service.configs ?? []).map((use) => ({ use, kind: 'config' as const })),
  ]
  for (const { use, kind } of uses) {
    const object = (kind === 'secret' ? project.secrets : project.configs)[use.source]
    const content = object && contentOf(project, object, kind)
    if (content === undefined || content === '') continue
    if (service.read_only === true) {
      throw new Error(
        `cannot create ${kind} ${JSON.stringify(object?.name)} in read-only service: \`file\` is the sole supported option`,
      )
    }
    const owned = use.uid !== undefined || use.gid !== undefined
    const tar = streamOf(archive(fileTarget(use, kind), content, use))
    await client.containers.extract(container, '/', tar, owned ? { copyUIDGID: true } : {}, signal)
  }
}

function contentOf(
  project: Project,
  { content, environment, name }: SecretConfig | ConfigObjectConfig,
  kind: string,
): string | undefined {
  if (content !== undefined || environment === undefined) return content
  const value = project.environment[environment]
  if (value !== undefined) return value
  throw new Error(
    `environment variable ${JSON.stringify(environment)} required by ${kind} ${JSON.stringify(name)} is not set`,
  )
}

function archive(path: string, content: string, { uid, gid, mode }: FileReference): Uint8Array {
  const bytes = new TextEncoder().encode(content)
  const writer = new TarWriter()
  const member = {
    path: path.replace(/^\/+/, ''),
    kind: 'file' as const,
    mode: mode === undefined ? 0o444 : Number.parseInt(mode, 8),
    uid: Number(uid ?? 0),
    gid: Number(gid ?? 0),
    mtime: Math.floor(Date.now() / 1000),
    size: bytes.length,
  }
  return joinBytes([writer.header(member), bytes, writer.padding(bytes.length), writer.end()])
}
