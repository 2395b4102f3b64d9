import { describeMachine } from '../contracts/machine.ts'
import { BUSYBOX, startMachine } from '../support/guest.ts'

describeMachine('v86', async () => ({ machine: await startMachine(), tree: BUSYBOX }))
