import { atMost } from '../../kit/command.ts'
import { showStats, statsFlags } from '../../kit/container-stats.ts'
import type { ComposeCommand } from '../compose-command.ts'
import { PROJECT, SERVICE } from '../converge/labels.ts'

export const stats: ComposeCommand = {
  usage: '[OPTIONS] [SERVICE]',
  summary: 'Display a live stream of container(s) resource usage statistics',
  args: atMost(1),
  flags: statsFlags,
  async run(invocation) {
    const { name } = await invocation.project()
    const [service] = invocation.args
    const ofService = service === undefined ? [] : [`${SERVICE}=${service}`]
    return showStats(invocation, { label: [`${PROJECT}=${name}`, ...ofService] })
  },
}
