/** Where the machine has what containers' mounts are bound from. */
export interface MachinePlaces {
  /** Of the guest's own root. @param path absolute */
  host(path: string): string
  /** One of the `files` a container was started with. */
  file(container: string, name: string): string
  /** Of a volume's directory. @param path default: the volume's content */
  volume(name: string, path?: string): string
  /** Of a tree that was added. @param path relative; empty: all of it */
  tree(id: string, path: string): string
  /** The program that is a container's init by `--init`. */
  readonly init: string
}
