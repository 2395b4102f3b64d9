import { EngineError } from '../core/error.ts'

/**
 * Version of what an engine stores, the same number in a browser and in files (docs/stores.md):
 * 1. blobs, records, logs
 * 2. the disk
 * 3. whose the store is, in each transaction of a browser; the number itself, in a folder of files
 */
export const STORE_SCHEMA = 3

/** @param advice a sentence: what to do about it */
export const storedByNewer = (advice: string): EngineError =>
  new EngineError(
    'unavailable',
    `This playground was stored by a newer version of Drydock than this one, which leaves it as it is. ${advice}`,
  )
