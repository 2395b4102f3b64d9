import { mountPoints } from '../core/default-mounts.ts'
import type { ContainerFiles, FileOwner, FileStat } from '../core/guest-archives.ts'
import type {
  FileArchive,
  FileChange,
  FileReadOptions,
  FileWriteOptions,
  LayerOptions,
  MachineFiles,
} from '../ports/machine/files.ts'
import {
  archiveName,
  parseChanges,
  parseStat,
  readArchive,
  writeArchive,
  type OpenStream,
} from './archives.ts'
import type { GuestKeeper } from './guest-keeper.ts'

export class GuestFiles implements MachineFiles {
  readonly #keeper: GuestKeeper

  constructor(keeper: GuestKeeper) {
    this.#keeper = keeper
  }

  async readChanges(
    files: ContainerFiles,
    { ignore = mountPoints, signal }: LayerOptions = {},
  ): Promise<ReadableStream<Uint8Array>> {
    const frame = { channel: 'archive', op: 'layer', files, ignore } as const
    return (await readArchive(this.#open, frame, signal)).bytes
  }

  async listChanges(
    files: ContainerFiles,
    { ignore = mountPoints, signal }: LayerOptions = {},
  ): Promise<readonly FileChange[]> {
    const frame = { channel: 'archive', op: 'changes', files, ignore } as const
    return parseChanges((await readArchive(this.#open, frame, signal)).bytes)
  }

  async read(
    files: FileOwner,
    path: string,
    { name = archiveName(path), wholeSeconds = false, signal }: FileReadOptions = {},
  ): Promise<FileArchive> {
    const frame = { channel: 'archive', op: 'files', files, path, name, wholeSeconds } as const
    const { started, bytes } = await readArchive(this.#open, frame, signal)
    return { stat: parseStat(started), tar: bytes }
  }

  async stat(files: FileOwner, path: string, signal?: AbortSignal): Promise<FileStat> {
    const frame = { channel: 'archive', op: 'stat', files, path } as const
    const { started, bytes } = await readArchive(this.#open, frame, signal)
    await bytes.cancel()
    return parseStat(started)
  }

  async write(
    files: FileOwner,
    path: string,
    tar: ReadableStream<Uint8Array>,
    { signal, ...options }: FileWriteOptions = {},
  ): Promise<void> {
    await writeArchive(this.#open, { files, path, ...options }, tar, signal)
  }

  /** The host root must be there for its own files. */
  readonly #open: OpenStream = async (open, signal) => {
    const guest = await this.#keeper.ready(signal)
    if ('files' in open && 'host' in open.files) await this.#keeper.mountHostRoot(guest)
    return guest.openStream(open, signal)
  }
}
