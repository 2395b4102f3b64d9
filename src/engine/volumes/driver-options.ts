import { EngineError } from '../../core/error.ts'
import type { Context } from '../context.ts'
import { volumePath } from './mount-point.ts'
import { locate } from './places.ts'

type Options = Readonly<Record<string, string>>

/** moby volume/local/local_unix.go */
const KNOWN = ['type', 'o', 'device', 'size']

/** @throws EngineError `invalid-parameter` in Docker's words (moby volume/local validateOpts) */
export function checkOptions(name: string, options: Options): void {
  const refuse = (reason: string): EngineError =>
    new EngineError('invalid-parameter', `create ${name}: ${reason}`)
  for (const option of Object.keys(options))
    if (!KNOWN.includes(option)) throw refuse(`invalid option: "${option}"`)
  if (options['size'] !== undefined) throw refuse('quota size requested but no quota support')
  const given = Object.keys(options).length > 0
  for (const required of ['device', 'type'])
    if (given && !options[required]) throw refuse(`missing required option: "${required}"`)
}

/** What it holds is gone with the last container that has it. */
export const isTemporary = ({ type }: Options): boolean => type === 'tmpfs'

/**
 * Where guestd finds a volume that is something else than a directory of the disk.
 * @throws EngineError with Docker's sentences
 */
export async function placeOptions(
  context: Context,
  name: string,
  options: Options,
): Promise<string> {
  const { type = '', device = '', o = '' } = options
  const words = o.split(',').filter((word) => word !== '')
  const target = volumePath(name)
  const refuse = (reason: string, data: string, cause?: unknown): EngineError =>
    new EngineError(
      'internal',
      `error while mounting volume '${target}': failed to mount local volume: mount ${device}:${target}${data}: ${reason}`,
      { cause },
    )
  if (isTemporary(options)) {
    try {
      await context.machine.disk?.mountVolume(name, words)
    } catch (cause) {
      throw refuse(reasonOf(cause), o === '' ? '' : `, data: ${o}`, cause)
    }
    return context.machine.places.volume(name)
  }
  if (words.includes('bind') || words.includes('rbind')) {
    const flags = words.includes('rbind') ? ', flags: 0x5000' : ', flags: 0x1000'
    if (!device.startsWith('/')) throw refuse('no such file or directory', flags)
    try {
      return await locate(context, device, false)
    } catch (cause) {
      if (!(cause instanceof EngineError) || cause.code !== 'not-found') throw cause
      throw refuse('no such file or directory', flags, cause)
    }
  }
  // Of a network's filesystems, disks and the like there are none here.
  throw refuse(type === '' ? 'invalid argument' : 'no such device', o === '' ? '' : `, data: ${o}`)
}

const reasonOf = (error: unknown): string =>
  error instanceof Error ? (error.message.split(': ').at(-1) ?? '') : String(error)
