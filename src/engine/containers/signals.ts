import { EngineError } from '../../core/error.ts'

/** Linux on x86 (signal(7)). */
const numbers: Readonly<Record<string, number>> = {
  HUP: 1,
  INT: 2,
  QUIT: 3,
  ILL: 4,
  TRAP: 5,
  ABRT: 6,
  IOT: 6,
  BUS: 7,
  FPE: 8,
  KILL: 9,
  USR1: 10,
  SEGV: 11,
  USR2: 12,
  PIPE: 13,
  ALRM: 14,
  TERM: 15,
  STKFLT: 16,
  CHLD: 17,
  CLD: 17,
  CONT: 18,
  STOP: 19,
  TSTP: 20,
  TTIN: 21,
  TTOU: 22,
  URG: 23,
  XCPU: 24,
  XFSZ: 25,
  VTALRM: 26,
  PROF: 27,
  WINCH: 28,
  IO: 29,
  POLL: 29,
  PWR: 30,
  SYS: 31,
  RTMIN: 34,
  RTMAX: 64,
}

/**
 * `SIGTERM`, `term`, `15`, `RTMIN+3` as a number (moby/sys signal).
 * @throws EngineError `invalid-parameter`
 */
export function parseSignal(text: string): number {
  const invalid = new EngineError('invalid-parameter', `invalid signal: ${text}`)
  if (/^\d+$/.test(text)) {
    const number = Number(text)
    if (number === 0) throw invalid
    if (number > 64) {
      throw new EngineError(
        'invalid-parameter',
        `the linux daemon does not support signal ${number}`,
      )
    }
    return number
  }
  const name = text.toUpperCase().replace(/^SIG/, '')
  const realtime = /^(RTMIN\+|RTMAX-)(\d+)$/.exec(name)
  const number = realtime
    ? realtime[1] === 'RTMIN+'
      ? 34 + Number(realtime[2])
      : 64 - Number(realtime[2])
    : numbers[name]
  if (number === undefined || number < 1 || number > 64) throw invalid
  return number
}
