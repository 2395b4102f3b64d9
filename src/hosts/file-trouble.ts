import { EngineError, type ErrorCode } from '../core/error.ts'
import { errnoWords } from '../core/errno-words.ts'
import { CliFileError } from '../ports/cli-host.ts'

const FULL =
  'The disk is full; nothing was changed. Make room, for example by “docker system prune”, then try again.'

const sentences: Readonly<Record<string, readonly [ErrorCode, (path: string) => string]>> = {
  ENOENT: ['not-found', (path) => `${path} is not there any more.`],
  ENOTDIR: ['not-found', (path) => `${path} is not there: a part of its path is no folder.`],
  EEXIST: ['conflict', (path) => `${path} is there already.`],
  EISDIR: ['conflict', (path) => `${path} is a folder.`],
  EACCES: ['forbidden', (path) => `${path}: the machine refuses it (permission denied).`],
  EPERM: ['forbidden', (path) => `${path}: the machine refuses it (operation not permitted).`],
  EROFS: ['forbidden', (path) => `${path} is on a filesystem that can only be read.`],
  EBUSY: ['conflict', (path) => `${path} is in use.`],
  ENOSPC: ['unavailable', () => FULL],
  EDQUOT: ['unavailable', () => FULL],
  ENAMETOOLONG: ['invalid-parameter', () => 'The name is too long: 255 bytes are the most.'],
  EINVAL: ['invalid-parameter', (path) => `${path} can't be used for this.`],
  EXDEV: ['invalid-parameter', (path) => `${path} is on another filesystem: copy it in the shell.`],
  ELOOP: ['invalid-parameter', (path) => `${path} is a link that leads to itself.`],
}

/** What went wrong with a file, in a sentence for who works with it. Other errors stay as they are. */
export function explained(error: unknown, path: string): unknown {
  if (!(error instanceof CliFileError)) return error
  const [code, sentence] = sentences[error.code] ?? [
    'internal',
    () => `${path}: ${errnoWords[error.code] ?? error.message}.`,
  ]
  return new EngineError(code, sentence(path), { cause: error })
}
