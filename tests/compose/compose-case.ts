/** A project that both tools load. */
export interface ComposeCase {
  readonly name: string
  /** By path below the project's directory. */
  readonly files: Readonly<Record<string, string>>
  /** Flags of `docker compose`. */
  readonly args?: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
}

/** What the real tool said of it. */
export interface Recorded {
  readonly yaml: string
  readonly json: string
  readonly hash: string
  /** Of `config`, and of what it warns. */
  readonly stderr: string
  readonly exitCode: number
}

/** Where the projects stand, for both. */
export const casesRoot = '/compose-cases'
export const directoryOf = ({ name }: ComposeCase): string =>
  `${casesRoot}/${name.replaceAll(/[^a-z_]/g, '-')}`
