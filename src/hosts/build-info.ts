/** Set by the bundler (.config); absent when the sources run as they are, in tests. */
declare const BUILD_INFO:
  | { readonly version: string; readonly gitCommit: string; readonly buildTime: string }
  | undefined

/** What `docker version` tells of the engine. */
export const buildInfo: {
  readonly version: string
  readonly gitCommit: string
  readonly buildTime: string
} =
  typeof BUILD_INFO === 'undefined'
    ? { version: '0.0.0-source', gitCommit: 'unknown', buildTime: '1970-01-01T00:00:00Z' }
    : BUILD_INFO
