/** Names for requests, in order; short enough to read aloud. */
export function requestIds(): () => string {
  let last = 0
  return () => `r${++last}`
}
