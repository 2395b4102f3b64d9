import type { EngineResponse } from '../../core/engine-http.ts'
import { EngineError } from '../../core/error.ts'
import type { OciContainerDefaults } from '../../core/oci.ts'
import {
  archivePath,
  extractToDirectory,
  statPath,
  type PathStat,
} from '../../engine/containers/archive.ts'
import { containerChanges } from '../../engine/containers/changes.ts'
import { commitContainer } from '../../engine/containers/commit.ts'
import { exportContainer } from '../../engine/containers/export.ts'
import { defaultsOf } from '../../engine/containers/image-config.ts'
import type { Engine } from '../../engine/engine.ts'
import { bytesOf, empty, json, type Call, type Route } from '../router.ts'

const nameOf = ({ params }: Call): string => params['name'] ?? ''

/** @throws EngineError in moby's words, with its missing space (daemon/server/httputils/form.go) */
function pathOf({ query }: Call): string {
  const path = query.string('path')
  if (path === '') throw new EngineError('invalid-parameter', 'bad parameter: pathcannot be empty')
  return path
}

/** Base64 of JSON, as a header can have it. */
function statHeader(stat: PathStat): Readonly<Record<string, string>> {
  const bytes = new TextEncoder().encode(JSON.stringify(stat))
  const binary = Array.from(bytes, (byte) => String.fromCharCode(byte)).join('')
  return { 'x-docker-container-path-stat': btoa(binary) }
}

/** What is in a container as files. */
export const containerFileRoutes = ({ containers }: Engine): readonly Route[] => [
  {
    method: 'GET',
    path: '/containers/{name}/changes',
    handle: async (call) =>
      json(200, await containerChanges(containers, containers.get(nameOf(call)), call.signal)),
  },
  {
    method: 'GET',
    path: '/containers/{name}/export',
    handle: async (call): Promise<EngineResponse> => ({
      status: 200,
      headers: { 'content-type': 'application/octet-stream' },
      body: await exportContainer(containers, containers.get(nameOf(call)), call.signal),
    }),
  },
  {
    method: 'HEAD',
    path: '/containers/{name}/archive',
    handle: async (call): Promise<EngineResponse> => ({
      status: 200,
      headers: statHeader(await statPath(containers, nameOf(call), pathOf(call), call.signal)),
    }),
  },
  {
    method: 'GET',
    path: '/containers/{name}/archive',
    handle: async (call): Promise<EngineResponse> => {
      const path = pathOf(call)
      const { stat, tar } = await archivePath(containers, nameOf(call), path, call.signal)
      const headers = { 'content-type': 'application/x-tar', ...statHeader(stat) }
      return { status: 200, headers, body: tar }
    },
  },
  {
    method: 'PUT',
    path: '/containers/{name}/archive',
    limits: 'plain tar or gzip',
    handle: async (call) => {
      const { request, query, signal } = call
      await extractToDirectory(
        containers,
        nameOf(call),
        request.body ?? bytesOf(new Uint8Array()),
        {
          path: pathOf(call),
          noOverwriteDirNonDir: query.bool('noOverwriteDirNonDir'),
          copyUIDGID: query.bool('copyUIDGID'),
          signal,
        },
      )
      return empty(200)
    },
  },
  {
    method: 'POST',
    path: '/commit',
    handle: async (call) => {
      const { query, signal } = call
      const config = await call.json<OciContainerDefaults | null>()
      const id = await commitContainer(containers, containers.get(query.string('container')), {
        repository: query.string('repo'),
        tag: query.string('tag'),
        comment: query.string('comment'),
        author: query.string('author'),
        pause: query.bool('pause', true),
        changes: query.strings('changes').filter((change) => change !== ''),
        ...(config ? { config: defaultsOf(config as object) } : {}),
        signal,
      })
      return json(201, { Id: id })
    },
  },
]
