import { EngineError } from '../core/error.ts'
import type { DepartureStatus } from '../link/ownership.ts'

/** Why there is no playground in this page, and what the visitor can do about it. */
export interface PageStop {
  readonly title: string
  /** Sentences. */
  readonly text: string
  readonly action?: { readonly label: string; readonly run: () => void }
}

/** Set in the entry of the tab's history that is loaded again: a reload keeps it, a copy of the address has it not. */
const TAKE_OVER = 'takeOver'

const takeOver = (): void => {
  history.replaceState({ [TAKE_OVER]: true }, '')
  location.reload()
}

/** Whether the visitor asked for the playground before the page was loaded again. Asked once. */
export function wantsTakeOver(): boolean {
  const state: unknown = history.state
  if (typeof state !== 'object' || state === null || !(TAKE_OVER in state)) return false
  history.replaceState(null, '')
  return true
}

/** @param isOpen the playground had been opened before */
export function stopOfFailure(failure: unknown, isOpen: boolean): PageStop {
  if (failure instanceof EngineError && failure.code === 'conflict' && !isOpen) {
    return {
      title: 'This playground is open in another tab',
      text: 'One tab at a time can have it. If you use it here, the other tab stores everything and stops. For another playground beside it, add ?engine=second to the address.',
      action: { label: 'Use it here', run: takeOver },
    }
  }
  return {
    title: isOpen ? 'Something went wrong' : "Drydock can't start here",
    text: failure instanceof Error ? failure.message : String(failure),
    action: { label: 'Try again', run: () => location.reload() },
  }
}

export function stopOfDeparture({ why, isOver }: DepartureStatus): PageStop {
  const back = { label: 'Take it back', run: takeOver }
  switch (why) {
    case 'imported':
      return {
        title: 'The imported playground opens',
        text: 'The page loads again as soon as the machine has stopped.',
      }
    case 'taken':
      return {
        title: 'Another tab has taken this playground',
        text: 'This tab did not answer when it was asked. What was not stored by then is lost here, as in a power cut; nothing that was stored is.',
        ...(isOver ? { action: back } : {}),
      }
    case 'asked':
      return isOver
        ? {
            title: 'This playground is open in another tab now',
            text: 'Everything was stored, and the machine was stopped here.',
            action: back,
          }
        : {
            title: 'Another tab takes over',
            text: 'Everything is being stored. Then the machine stops here.',
          }
  }
}
