import { atLeast, ExitError, type Command } from '../../kit/command.ts'
import { flag } from '../../kit/flags.ts'
import { eachOperand } from '../../kit/operands.ts'
import { parseRestartPolicy } from '../../kit/create-values.ts'

export const update: Command = {
  usage: '[OPTIONS] CONTAINER [CONTAINER...]',
  summary: 'Update configuration of one or more containers',
  args: atLeast(1),
  flags: [
    flag(
      '--blkio-weight',
      'uint16',
      'Block IO (relative weight), between 10 and 1000, or 0 to disable',
      {
        shownInitial: '0',
      },
    ),
    flag('--cpu-period', 'int', 'Limit CPU CFS (Completely Fair Scheduler) period'),
    flag('--cpu-quota', 'int', 'Limit CPU CFS (Completely Fair Scheduler) quota'),
    flag('--cpu-rt-period', 'int', 'Limit the CPU real-time period in microseconds'),
    flag('--cpu-rt-runtime', 'int', 'Limit the CPU real-time runtime in microseconds'),
    flag('-c, --cpu-shares', 'int', 'CPU shares (relative weight)'),
    flag('--cpus', 'decimal', 'Number of CPUs'),
    flag('--cpuset-cpus', 'string', 'CPUs in which to allow execution (0-3, 0,1)'),
    flag('--cpuset-mems', 'string', 'MEMs in which to allow execution (0-3, 0,1)'),
    flag('-m, --memory', 'bytes', 'Memory limit'),
    flag('--memory-reservation', 'bytes', 'Memory soft limit'),
    flag(
      '--memory-swap',
      'bytes',
      'Swap limit equal to memory plus swap: -1 to enable unlimited swap',
    ),
    flag('--pids-limit', 'int', 'Tune container pids limit (set -1 for unlimited)'),
    flag('--restart', 'string', 'Restart policy to apply when a container exits'),
  ],
  async run(invocation) {
    const { flags, args, client, err, signal } = invocation
    const number = (field: string, name: string): object =>
      flags.has(name) ? { [field]: flags.number(name) } : {}
    const changes = {
      ...number('BlkioWeight', 'blkio-weight'),
      ...number('CpuPeriod', 'cpu-period'),
      ...number('CpuQuota', 'cpu-quota'),
      ...number('CpuRealtimePeriod', 'cpu-rt-period'),
      ...number('CpuRealtimeRuntime', 'cpu-rt-runtime'),
      ...number('CpuShares', 'cpu-shares'),
      ...number('NanoCpus', 'cpus'),
      ...(flags.has('cpuset-cpus') && { CpusetCpus: flags.text('cpuset-cpus') }),
      ...(flags.has('cpuset-mems') && { CpusetMems: flags.text('cpuset-mems') }),
      ...number('Memory', 'memory'),
      ...number('MemoryReservation', 'memory-reservation'),
      ...number('MemorySwap', 'memory-swap'),
      ...number('PidsLimit', 'pids-limit'),
      ...(flags.has('restart') && { RestartPolicy: parseRestartPolicy(flags.text('restart')) }),
    }
    if (Object.keys(changes).length === 0) {
      throw new ExitError(1, 'you must provide one or more flags when using this command')
    }
    const warnings: string[] = []
    try {
      return await eachOperand(invocation, args, async (name) => {
        const { Warnings } = await client.containers.update(name, changes, signal)
        warnings.push(...(Warnings ?? []))
        return name
      })
    } finally {
      for (const warning of warnings) await err.line(warning)
    }
  },
}
