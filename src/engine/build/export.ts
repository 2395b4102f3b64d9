import type { OciHistory, OciImageConfig } from '../../core/oci.ts'
import { PLATFORM } from '../images/platform.ts'
import type { StageResult } from './stage.ts'

/** The config of an image that ends with a stage (image-spec v1.1.1, config.md; BuildKit exporter/containerimage). */
export function imageConfig(
  { config, diffIds, history, author }: StageResult,
  options: { readonly labels?: Readonly<Record<string, string>>; readonly epoch?: string } = {},
): OciImageConfig {
  const steps = datedHistory(history, options.epoch)
  const created = options.epoch ?? steps.at(-1)?.created
  const labels = { ...config.Labels, ...options.labels }
  const { Labels: _, ...rest } = config
  return {
    architecture: PLATFORM.architecture,
    ...(author === undefined ? {} : { author }),
    config: sortedConfig({
      ...rest,
      ...(Object.keys(labels).length > 0 ? { Labels: labels } : {}),
    }),
    ...(created === undefined ? {} : { created }),
    history: steps,
    os: PLATFORM.os,
    rootfs: { type: 'layers', diff_ids: diffIds },
  }
}

export const configBytes = (result: StageResult): Uint8Array =>
  new TextEncoder().encode(JSON.stringify(imageConfig(result)))

/**
 * Steps without a time take that of the first new layer, or of the layer before them (BuildKit
 * exporter/containerimage/writer.go, normalizeLayersAndHistory): so what comes from the cache gives the same image again.
 */
function datedHistory(history: readonly OciHistory[], epoch: string | undefined): OciHistory[] {
  let time: string | undefined
  let undated = false
  for (const { created } of history) {
    if (created === undefined) undated = true
    else {
      time = created
      if (undated) break
    }
  }
  undated = false
  return history.map((step) => {
    if (step.created === undefined) {
      undated = true
      const created = epoch ?? time
      return created === undefined ? step : { created, ...step }
    }
    if (undated) time = step.created
    return step
  })
}

/** The order of a map's members is no part of what it says. */
function sortedConfig<T extends object>(config: T): T {
  return Object.fromEntries(
    Object.entries(config)
      .filter(([, value]) => value !== undefined && value !== null)
      .map(([name, value]: [string, unknown]) => [
        name,
        typeof value === 'object' &&
        value !== null &&
        !Array.isArray(value) &&
        name !== 'Healthcheck'
          ? sorted(value)
          : value,
      ])
      .sort(([left], [right]) => (String(left) < String(right) ? -1 : 1)),
  ) as T
}

const sorted = (value: object): object =>
  Object.fromEntries(Object.entries(value).sort(([left], [right]) => (left < right ? -1 : 1)))
