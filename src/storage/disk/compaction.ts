import type { BlockIndex, Segment } from './block-index.ts'
import type { DiskMedium } from './disk-medium.ts'

/** Dead blocks that are left alone: 16 MiB. */
const DEAD_MIN = 4096
/** Small segments that are left alone. */
const SMALL_MAX = 128
/** Live blocks copied in one step: 4 MiB. */
const STEP = 1024

/** Without a live block, and not only there to tell what is zero, or what the newest record is. */
function isRubbish(index: BlockIndex, { stored, records }: Segment): boolean {
  if (stored > 0) return true
  if (records.some(({ sequence }) => sequence === index.sequence)) return false
  return !records.some(({ discards }) => discards.some((block) => index.isShadow(block)))
}

/** The segments that are best cleared away now; their live blocks must be copied first. Oldest first. */
export function chooseVictims(index: BlockIndex, medium: DiskMedium): Segment[] {
  const closed = [...index.segments.values()].filter(({ number }) => !medium.isOpen(number))
  const dead = closed.filter((segment) => segment.live === 0 && isRubbish(index, segment))
  if (dead.length > 0) return dead
  const victims: Segment[] = []
  let copied = 0
  const take = (segments: readonly Segment[]): void => {
    for (const segment of segments) {
      if (copied > 0 && copied + segment.live > STEP) break
      copied += segment.live
      victims.push(segment)
    }
  }
  const small = closed.filter(({ stored }) => stored <= medium.smallBlocks)
  if (small.length > SMALL_MAX) take(small)
  else if (index.stored - index.live > Math.max(DEAD_MIN, index.live / 2)) {
    const ratio = ({ live, stored }: Segment): number => live / stored
    take(
      closed
        .filter((segment) => ratio(segment) < 0.8)
        .sort((one, other) => ratio(one) - ratio(other)),
    )
  }
  return victims.sort((one, other) => one.number - other.number)
}
