import { EngineError } from '../../core/error.ts'
import { volumePath } from './mount-point.ts'

/** A volume in the record store, kind `volume`, by its name. */
export interface VolumeRecord {
  readonly schema: 1
  readonly name: string
  /** RFC 3339 */
  readonly created: string
  readonly labels: Readonly<Record<string, string>> | null
  readonly options: Readonly<Record<string, string>> | null
}

/** Volume of the Engine API. */
export interface VolumeView {
  readonly CreatedAt: string
  readonly Driver: 'local'
  readonly Labels: Readonly<Record<string, string>> | null
  readonly Mountpoint: string
  readonly Name: string
  readonly Options: Readonly<Record<string, string>> | null
  readonly Scope: 'local'
  readonly UsageData?: { readonly RefCount: number; readonly Size: number }
}

/** Marks a volume that was made without a name. */
export const ANONYMOUS = 'com.docker.volume.anonymous'

export function parseVolumeRecord(value: unknown): VolumeRecord | undefined {
  const record = value as Partial<VolumeRecord> | null | undefined
  return record?.schema === 1 && typeof record.name === 'string'
    ? (record as VolumeRecord)
    : undefined
}

export const volumeView = (record: VolumeRecord): VolumeView => ({
  CreatedAt: record.created,
  Driver: 'local',
  Labels: record.labels,
  Mountpoint: volumePath(record.name),
  Name: record.name,
  Options: record.options,
  Scope: 'local',
})

/** @throws EngineError `invalid-parameter` (moby volume/local/local.go validateName) */
export function checkVolumeName(name: string): void {
  if (name.length === 1) {
    throw new EngineError(
      'invalid-parameter',
      `create ${name}: volume name is too short, names should be at least two alphanumeric characters`,
    )
  }
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(name) || name.length > 255) {
    throw new EngineError(
      'invalid-parameter',
      `create ${name}: "${name}" includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path`,
    )
  }
}
