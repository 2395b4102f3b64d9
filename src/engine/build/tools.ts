import type { Context } from '../context.ts'
import type { Images } from '../images/images.ts'
import type { KeyedMutex } from '../mutex.ts'
import type { Networks } from '../networks/networks.ts'
import type { CacheKeys } from './cache-key.ts'
import type { CacheMounts } from './cache-mounts.ts'
import type { BuildCache } from './cache.ts'

/** What all builds of an engine share. */
export interface BuildTools {
  readonly context: Context
  readonly images: Images
  readonly networks: Networks
  readonly cache: BuildCache
  readonly caches: CacheMounts
  readonly keys: CacheKeys
  /** The same step of two builds, or of two stages, is done once. */
  readonly making: KeyedMutex
  /** What a build leaves to be done when it has ended, and holds nobody up. */
  readonly leftovers: Set<Promise<void>>
}
