/** Directories of the machine that the engine's clients are on, as far as containers may have them. */
export interface HostDirectories {
  /**
   * Where guestd finds a path of the machine.
   * @param options.create directories that are missing are made
   * @throws EngineError `invalid-parameter` when it is not shared, `not-found` when nothing is there
   */
  locate(path: string, options: { readonly create: boolean }): string
}
