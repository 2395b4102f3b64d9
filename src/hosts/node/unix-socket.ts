import { rmSync } from 'node:fs'
import { connect } from 'node:net'

/** Does somebody listen at this path? */
export const answers = (path: string): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(path)
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })

/**
 * Remove the file of a listener that was killed.
 * @returns false when the listener lives
 */
export async function removeStale(path: string): Promise<boolean> {
  if (await answers(path)) return false
  rmSync(path, { force: true })
  return true
}
