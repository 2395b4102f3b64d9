import type { RuntimeMount } from '../../core/runtime-spec.ts'
import { EngineError } from '../../core/error.ts'
import type { Context } from '../context.ts'
import type { CacheLease, CacheMounts } from './cache-mounts.ts'
import { fillDirectory } from './disk-directory.ts'
import type { MountPlan } from './run-mounts.ts'

/** A step's mounts, ready. Disposing them gives back caches and drops what was written beside them. */
export interface StepMounts extends AsyncDisposable {
  readonly mounts: readonly RuntimeMount[]
}

/** @throws EngineError `not-implemented` without a disk */
export async function openMounts(
  { machine, log }: Context,
  caches: CacheMounts,
  plans: readonly MountPlan[],
  container: string,
  signal: AbortSignal,
): Promise<StepMounts> {
  const leases: CacheLease[] = []
  const volumes: string[] = []
  const mounts: RuntimeMount[] = []
  const dispose = async (): Promise<void> => {
    for (const lease of leases.splice(0)) lease[Symbol.dispose]()
    for (const volume of volumes.splice(0)) {
      await machine.disk
        ?.removeVolume(volume)
        .catch((error: unknown) => log.add(`build: ${volume}: ${String(error)}`))
    }
  }
  const writable = async ({
    destination,
    source,
    node,
  }: Extract<MountPlan, { kind: 'writable' }>): Promise<RuntimeMount> => {
    if (!machine.disk) {
      throw new EngineError('not-implemented', 'this engine has no disk for type=bind,rw')
    }
    const volume = `build-step-${container.slice(0, 40)}-${volumes.length}`
    await machine.disk.makeVolume(volume)
    volumes.push(volume)
    const { mode, uid, gid } = node
    const place = (path: string): string => machine.places.volume(volume, path)
    if (node.kind !== 'directory') {
      await fillDirectory(machine.files, volume, [{ path: 'file', mode, uid, gid, node }])
      return { destination, type: 'bind', source: place('file'), options: ['bind', 'rw'] }
    }
    await fillDirectory(machine.files, volume, [
      { path: 'upper', mode, uid, gid, node: undefined },
      { path: 'work', mode: 0o755, uid: 0, gid: 0, node: undefined },
    ])
    return {
      destination,
      type: 'overlay',
      source: 'overlay',
      options: [`lowerdir=${source}`, `upperdir=${place('upper')}`, `workdir=${place('work')}`],
    }
  }
  try {
    for (const plan of plans) {
      if (plan.kind === 'ready') mounts.push(plan.mount)
      else if (plan.kind === 'writable') mounts.push(await writable(plan))
      else {
        const lease = await caches.take(plan.request, signal)
        leases.push(lease)
        mounts.push({
          destination: plan.destination,
          type: 'bind',
          source: machine.places.volume(lease.volume),
          options: ['bind', plan.readOnly ? 'ro' : 'rw'],
        })
      }
    }
    return { mounts, [Symbol.asyncDispose]: dispose }
  } catch (error) {
    await dispose()
    throw error
  }
}
