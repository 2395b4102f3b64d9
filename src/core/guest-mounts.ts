/** Requests about filesystems that appear while the guest runs. */
export type MountRequest =
  /** After `configure`: mount the 9p device of that tag, with directories of the host's machine, at `/run/shares`. */
  | { readonly op: 'mount-shares'; readonly tag: string }
  /** A tmpfs in the place of the volume's directory, for all that use it. Again is fine. */
  | { readonly op: 'mount-volume'; readonly volume: string; readonly options: readonly string[] }
  /** Its directory again. Who has the tmpfs keeps it. */
  | { readonly op: 'unmount-volume'; readonly volume: string }
