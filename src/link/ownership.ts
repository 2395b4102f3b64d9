/**
 * Why a playground that was open here is not any more:
 * - `asked`: another tab wanted it, and all was stored before it went
 * - `taken`: another tab took it while this one did not answer; what was not stored by then is lost, as in a power cut
 * - `imported`: another playground was put in its place
 */
export type Departure = 'asked' | 'taken' | 'imported'

/** It goes (`isOver` false), or has gone. */
export interface DepartureStatus {
  readonly why: Departure
  readonly isOver: boolean
}
