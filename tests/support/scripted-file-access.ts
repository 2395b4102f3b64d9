import type { ContainerFiles, FileOwner, FileStat } from '../../src/core/guest-archives.ts'
import type {
  FileArchive,
  FileChange,
  FileReadOptions,
  FileWriteOptions,
  MachineFiles,
} from '../../src/ports/machine/files.ts'
import type { ScriptedContainers } from './scripted-containers.ts'

/** The files of all of a machine's containers. */
export class ScriptedFileAccess implements MachineFiles {
  readonly #containers: ScriptedContainers

  constructor(containers: ScriptedContainers) {
    this.#containers = containers
  }

  async readChanges(files: ContainerFiles): Promise<ReadableStream<Uint8Array>> {
    return this.#containers.filesOf(files).layer()
  }

  async listChanges(files: ContainerFiles): Promise<readonly FileChange[]> {
    return this.#containers.filesOf(files).changes()
  }

  async read(
    owner: FileOwner,
    path: string,
    {
      name = path.split('/').findLast((part) => part !== '' && part !== '.') ?? '/',
    }: FileReadOptions = {},
  ): Promise<FileArchive> {
    const files = this.#containers.filesOf(owner)
    return { stat: files.stat(path), tar: files.tar(path, name) }
  }

  async stat(owner: FileOwner, path: string): Promise<FileStat> {
    return this.#containers.filesOf(owner).stat(path)
  }

  async write(
    owner: FileOwner,
    path: string,
    tar: ReadableStream<Uint8Array>,
    options: FileWriteOptions = {},
  ): Promise<void> {
    await this.#containers.filesOf(owner).extract(path, tar, options)
  }
}
