import type { ContainerStats, ResourceUpdate } from '../../core/guest-protocol.ts'

/** Containers as a whole: those that run, and what is left of one. */
export interface MachineContainers {
  pause(container: string): Promise<void>
  resume(container: string): Promise<void>
  update(container: string, resources: ResourceUpdate): Promise<void>
  stats(container: string): Promise<ContainerStats>
  /** Rows as `ps -ef` would print, the container's processes only. */
  top(container: string): Promise<
    readonly {
      readonly pid: number
      readonly command: string
      readonly [column: string]: string | number
    }[]
  >
  /** Remove what is left of a container that does not run: mounts, cgroup, writable layer. Unknown ones are no error. */
  delete(container: string): Promise<void>
}
