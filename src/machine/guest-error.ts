import { EngineError, type ErrorCode } from '../core/error.ts'
import type { GuestError } from '../core/guest-protocol.ts'
import { isObject } from './frame.ts'

const codes: Readonly<Record<GuestError['code'], ErrorCode>> = {
  // Docker answers 400 to a start whose command is missing.
  'not-found': 'invalid-parameter',
  'not-executable': 'invalid-parameter',
  'no-container': 'not-found',
  'no-path': 'not-found',
  'not-running': 'conflict',
  exists: 'conflict',
  cancelled: 'unavailable',
  invalid: 'invalid-parameter',
  failed: 'internal',
}

const isGuestError = (value: unknown): value is GuestError =>
  isObject(value) &&
  typeof value['code'] === 'string' &&
  Object.hasOwn(codes, value['code']) &&
  typeof value['message'] === 'string'

/** guestd's refusal as the engine's error. `cause` is the GuestError, for callers that need its code. */
export function guestError(value: unknown): EngineError {
  if (!isGuestError(value)) {
    return new EngineError('unavailable', 'guestd broke the protocol: an error without a reason')
  }
  return new EngineError(codes[value.code], value.message, { cause: value })
}
