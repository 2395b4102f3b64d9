import { atLeast, type Command } from '../../kit/command.ts'
import { showStats, statsFlags } from '../../kit/container-stats.ts'

export const stats: Command = {
  usage: '[OPTIONS] [CONTAINER...]',
  summary: 'Display a live stream of container(s) resource usage statistics',
  args: atLeast(0),
  flags: statsFlags,
  run: (invocation) =>
    showStats(invocation, invocation.args.length > 0 ? { names: invocation.args } : {}),
}
