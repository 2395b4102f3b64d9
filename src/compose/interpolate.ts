import { ComposeError } from './compose-error.ts'
import { InvalidTemplate, substitute } from './substitute.ts'
import type { Lookup } from './substitute.ts'
import { isList, isTree, pathText, PathTable } from './tree.ts'
import type { Path, Tree } from './tree.ts'

type Warn = (message: string) => void
type Cast = (text: string, warn: Warn) => unknown

const integer: Cast = (text) => {
  if (/^[-+]?\d+$/.test(text)) return Number(text)
  throw new ComposeError(`strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`)
}
const integer64: Cast = (text) => {
  if (/^[-+]?\d+$/.test(text)) return Number(text)
  throw new ComposeError(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`)
}
const float: Cast = (text) => {
  if (/^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(text)) return Number(text)
  throw new ComposeError(`strconv.ParseFloat: parsing ${JSON.stringify(text)}: invalid syntax`)
}

const boolean: Cast = (text, warn) => {
  const lower = text.toLowerCase()
  if (lower === 'true' || lower === 'false') return lower === 'true'
  const yes = ['y', 'yes', 'on'].includes(lower)
  if (yes || ['n', 'no', 'off'].includes(lower)) {
    warn(`"${text}" for boolean is not supported by YAML 1.2, please use \`${String(yes)}\``)
    return yes
  }
  throw new ComposeError(`invalid boolean: ${text}`)
}

// compose-go v2.9.1, loader.interpolateTypeCastMapping
const casts = new PathTable<Cast>({
  'services.*.cpu_count': integer64,
  'services.*.cpu_percent': float,
  'services.*.cpu_period': integer64,
  'services.*.cpu_quota': integer64,
  'services.*.cpu_rt_period': integer64,
  'services.*.cpu_rt_runtime': integer64,
  'services.*.cpus': float,
  'services.*.cpu_shares': integer64,
  'services.*.init': boolean,
  'services.*.deploy.replicas': integer,
  'services.*.deploy.update_config.parallelism': integer,
  'services.*.deploy.update_config.max_failure_ratio': float,
  'services.*.deploy.rollback_config.parallelism': integer,
  'services.*.deploy.rollback_config.max_failure_ratio': float,
  'services.*.deploy.restart_policy.max_attempts': integer,
  'services.*.deploy.placement.max_replicas_per_node': integer,
  'services.*.healthcheck.retries': integer,
  'services.*.healthcheck.disable': boolean,
  'services.*.oom_kill_disable': boolean,
  'services.*.oom_score_adj': integer64,
  'services.*.pids_limit': integer64,
  'services.*.ports.[].target': integer,
  'services.*.privileged': boolean,
  'services.*.read_only': boolean,
  'services.*.scale': integer,
  'services.*.stdin_open': boolean,
  'services.*.tty': boolean,
  'services.*.ulimits.*': integer,
  'services.*.ulimits.*.hard': integer,
  'services.*.ulimits.*.soft': integer,
  'services.*.volumes.[].read_only': boolean,
  'services.*.volumes.[].volume.nocopy': boolean,
  'networks.*.external': boolean,
  'networks.*.internal': boolean,
  'networks.*.attachable': boolean,
  'networks.*.enable_ipv4': boolean,
  'networks.*.enable_ipv6': boolean,
  'volumes.*.external': boolean,
  'secrets.*.external': boolean,
  'configs.*.external': boolean,
})

/** Every string of a file with its variables replaced, and cast where a number or a boolean belongs. */
export function interpolate(tree: Tree, lookup: Lookup, warn: Warn): Tree {
  const walk = (value: unknown, path: Path): unknown => {
    if (typeof value === 'string') return scalar(value, path)
    if (isTree(value)) {
      return Object.fromEntries(
        Object.entries(value).map(([key, entry]) => [key, walk(entry, [...path, key])]),
      )
    }
    return isList(value) ? value.map((entry) => walk(entry, [...path, '[]'])) : value
  }
  const scalar = (text: string, path: Path): unknown => {
    const where = pathText(path)
    let value
    try {
      value = substitute(text, lookup, warn)
    } catch (error) {
      if (error instanceof InvalidTemplate) {
        throw new ComposeError(
          `invalid interpolation format for ${where}.\nYou may need to escape any $ with another $.\n${error.message}`,
          { path: where, cause: error },
        )
      }
      const reason = error instanceof Error ? error.message : String(error)
      throw new ComposeError(`error while interpolating ${where}: ${reason}`, {
        path: where,
        cause: error,
      })
    }
    const cast = casts.get(path)
    if (!cast) return value
    try {
      return cast(value, warn)
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      throw new ComposeError(
        `error while interpolating ${where}: failed to cast to expected type: ${reason}`,
        { path: where, cause: error },
      )
    }
  }
  return walk(tree, []) as Tree
}
