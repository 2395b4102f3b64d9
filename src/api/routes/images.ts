import type { EngineResponse } from '../../core/engine-http.ts'
import { EngineError } from '../../core/error.ts'
import { changed } from '../../engine/containers/image-config.ts'
import type { Engine } from '../../engine/engine.ts'
import type { Credentials, Images } from '../../engine/images/images.ts'
import { bytesOf, empty, json, jsonLines, type Call, type Route } from '../router.ts'

/** base64url of JSON; what can't be read counts as none (moby daemon/server/router/image). */
function credentialsOf({ request }: Call): Credentials {
  const header = request.headers['x-registry-auth']
  if (!header) return {}
  try {
    const binary = atob(header.replaceAll('-', '+').replaceAll('_', '/'))
    const bytes = Uint8Array.from(binary, (character) => character.charCodeAt(0))
    return JSON.parse(new TextDecoder().decode(bytes)) as Credentials
  } catch {
    return {}
  }
}

/** `fromImage` and `tag`; a digest may stand in the tag's place. */
function referenceOf({ query }: Call): string {
  const image = query.string('fromImage')
  const tag = query.string('tag')
  if (!tag) return image
  return tag.includes(':') ? `${image}@${tag}` : `${image}:${tag}`
}

const archive = (body: ReadableStream<Uint8Array>): EngineResponse => ({
  status: 200,
  headers: { 'content-type': 'application/x-tar' },
  body,
})

/** The progress of an import is its end: the image's ID. */
async function importTree(
  images: Images,
  { request, query, signal }: Call,
): Promise<EngineResponse> {
  const source = query.string('fromSrc')
  if (source !== '-') {
    throw new EngineError(
      'not-implemented',
      'Drydock can not fetch a file tree itself: send it as the body of the request',
    )
  }
  const id = await images.import(request.body ?? bytesOf(new Uint8Array()), {
    repository: query.string('repo'),
    tag: query.string('tag'),
    message: query.string('message'),
    config: changed(
      {},
      query.strings('changes').filter((change) => change !== ''),
    ),
    signal,
  })
  return json(200, { status: id })
}

export const imageRoutes = ({ images }: Engine): readonly Route[] => [
  {
    method: 'GET',
    path: '/images/json',
    handle: async ({ query }) =>
      json(200, images.list({ filters: query.filters(), sharedSize: query.bool('shared-size') })),
  },
  {
    method: 'POST',
    path: '/images/create',
    limits: 'a pull, or an import from the body',
    handle: async (call) => {
      if (!call.query.string('fromImage')) return importTree(images, call)
      return jsonLines(
        await images.pull({
          reference: referenceOf(call),
          platform: call.query.string('platform'),
          credentials: credentialsOf(call),
          signal: call.signal,
        }),
      )
    },
  },
  {
    method: 'GET',
    path: '/images/get',
    handle: async ({ query }) => archive(images.save(query.strings('names'))),
  },
  {
    method: 'GET',
    path: '/images/{name...}/get',
    handle: async ({ params }) => archive(images.save([params['name'] ?? ''])),
  },
  {
    method: 'POST',
    path: '/images/load',
    handle: async ({ request, query, signal }) =>
      jsonLines(
        await images.load(request.body ?? bytesOf(new Uint8Array()), {
          quiet: query.bool('quiet'),
          signal,
        }),
      ),
  },
  {
    method: 'POST',
    path: '/images/prune',
    handle: async ({ query }) => json(200, await images.prune(query.filters())),
  },
  {
    method: 'GET',
    path: '/images/{name...}/json',
    handle: async ({ params }) => json(200, images.inspect(params['name'] ?? '')),
  },
  {
    method: 'GET',
    path: '/images/{name...}/history',
    handle: async ({ params }) => json(200, images.history(params['name'] ?? '')),
  },
  {
    method: 'POST',
    path: '/images/{name...}/tag',
    handle: async ({ params, query }) => {
      await images.tag(params['name'] ?? '', query.string('repo'), query.string('tag'))
      return empty(201)
    },
  },
  {
    method: 'POST',
    path: '/images/{name...}/push',
    handle: (call) =>
      Promise.resolve(
        jsonLines(
          images.push({
            name: call.params['name'] ?? '',
            tag: call.query.string('tag'),
            credentials: credentialsOf(call),
            signal: call.signal,
          }),
        ),
      ),
  },
  {
    method: 'DELETE',
    path: '/images/{name...}',
    handle: async ({ params, query }) =>
      json(200, await images.remove(params['name'] ?? '', { force: query.bool('force') })),
  },
  {
    method: 'GET',
    path: '/distribution/{name...}/json',
    handle: async (call) =>
      json(
        200,
        await images.distribution(call.params['name'] ?? '', call.signal, credentialsOf(call)),
      ),
  },
]
