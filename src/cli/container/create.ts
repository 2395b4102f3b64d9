import { isNotFound } from '../../client/client-error.ts'
import type { ContainerCreateRequest } from '../../core/engine-api.ts'
import { familiar, withDefaultTag } from '../../core/reference.ts'
import { CliFileError } from '../../ports/cli-host.ts'
import { streamOf } from '../../client/api-client.ts'
import { atLeast, ExitError, messageOf, type Command, type Invocation } from '../../kit/command.ts'
import { flag } from '../../kit/flags.ts'
import { pullImage, reference } from '../../kit/pull-image.ts'
import { pathFrom } from '../../kit/paths.ts'
import { createFlags } from './create-flags.ts'
import { createRequest } from './create-config.ts'

export const create: Command = {
  usage: '[OPTIONS] IMAGE [COMMAND] [ARG...]',
  summary: 'Create a new container',
  args: atLeast(1),
  interspersed: false,
  flags: [
    ...createFlags,
    flag('--pull', 'string', 'Pull image before creating ("always", "|missing", "never")', {
      initial: 'missing',
    }),
  ],
  async run(invocation) {
    const request = await requestOf(invocation, 'create')
    await invocation.out.line(await createContainer(invocation, request))
    return 0
  },
}

/**
 * The container that the command line asks for.
 * @throws ExitError 125 with the hint that Docker gives
 */
export async function requestOf(
  { flags, args, host }: Invocation,
  verb: string,
): Promise<ContainerCreateRequest> {
  const pull = flags.text('pull')
  try {
    if (!['always', 'missing', 'never', ''].includes(pull)) {
      throw new Error(
        `invalid pull option: '${pull}': must be one of "always", "missing" or "never"`,
      )
    }
    return await createRequest(flags, args, host)
  } catch (error) {
    throw withHelp(messageOf(error), verb, 125, error)
  }
}

export const withHelp = (message: string, verb: string, code: number, cause?: unknown): ExitError =>
  new ExitError(code, `docker: ${message}\n\nRun 'docker ${verb} --help' for more information`, {
    cause,
  })

/** Pull when needed, create, warn, and write the id where it is asked for. */
export async function createContainer(
  invocation: Invocation,
  request: ContainerCreateRequest,
): Promise<string> {
  const { flags, client, host, err, signal } = invocation
  const image = /^[a-f0-9]{64}$/.test(request.Image ?? '')
    ? undefined
    : reference(request.Image ?? '')
  const policy = flags.text('pull')
  const name = flags.given('name')
  const platform = flags.given('platform')
  const cidFile = await claimCidFile(invocation)
  const pull = async (): Promise<void> => {
    if (image === undefined) return
    await pullImage(invocation, withDefaultTag(image), {
      quiet: flags.bool('quiet'),
      platform,
      output: err,
      isTerminal: host.tty[2],
    })
  }
  const create = (): Promise<{ Id: string; Warnings?: readonly string[] | null }> =>
    client.containers.create(
      request,
      { ...(name !== undefined && { name }), ...(platform !== undefined && { platform }) },
      signal,
    )
  if (policy === 'always') await pull()
  const created = await create().catch(async (error: unknown) => {
    const missing = isNotFound(error) && /No such image/.test(messageOf(error))
    if (!missing || image === undefined || (policy !== 'missing' && policy !== '')) throw error
    if (!flags.bool('quiet')) {
      await err.line(`Unable to find image '${familiar(withDefaultTag(image))}' locally`)
    }
    await pull()
    return create()
  })
  for (const warning of created.Warnings ?? []) await err.line(`WARNING: ${warning}`)
  if (cidFile !== undefined) {
    await host.files.write(cidFile, streamOf(new TextEncoder().encode(created.Id)), {
      mode: 0o666,
      exclusive: false,
    })
  }
  return created.Id
}

async function claimCidFile({ flags, host }: Invocation): Promise<string | undefined> {
  const path = flags.text('cidfile')
  if (path === '') return undefined
  const absolute = pathFrom(host, path)
  const exists = await host.files.stat(absolute).then(
    () => true,
    (error: unknown) => {
      if (error instanceof CliFileError && error.code === 'ENOENT') return false
      throw error
    },
  )
  if (exists) {
    throw new ExitError(
      1,
      `container ID file found, make sure the other container isn't running or delete ${path}`,
    )
  }
  return absolute
}
