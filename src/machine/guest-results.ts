import { EngineError } from '../core/error.ts'
import type { ContainerStats } from '../core/guest-protocol.ts'
import type { LinkStats } from '../core/guest-networks.ts'
import { isObject } from './frame.ts'

/** Parses what guestd answers: the guest is not trusted. */
const broken = (what: string) =>
  new EngineError('unavailable', `guestd broke the protocol: ${what} of another shape`)

function numbers(value: unknown, what: string): Readonly<Record<string, number>> {
  if (!isObject(value) || !Object.values(value).every((item) => typeof item === 'number')) {
    throw broken(what)
  }
  return value as Readonly<Record<string, number>>
}

const count = (value: unknown, what: string): number => {
  if (typeof value !== 'number' || !Number.isFinite(value)) throw broken(what)
  return value
}

const limit = (value: unknown, what: string): number | null =>
  value === null ? null : count(value, what)

export function parseStats(value: unknown): ContainerStats {
  if (!isObject(value)) throw broken('stats')
  const { memory, cpu, pids, io } = value
  if (!isObject(memory) || !isObject(pids) || !isObject(io)) throw broken('stats')
  return {
    memory: {
      current: count(memory['current'], 'memory.current'),
      peak: count(memory['peak'], 'memory.peak'),
      max: limit(memory['max'], 'memory.max'),
      stat: numbers(memory['stat'], 'memory.stat'),
      events: numbers(memory['events'], 'memory.events'),
    },
    cpu: numbers(cpu, 'cpu.stat'),
    systemCpuUsec: count(value['systemCpuUsec'], 'systemCpuUsec'),
    pids: {
      current: count(pids['current'], 'pids.current'),
      max: limit(pids['max'], 'pids.max'),
    },
    io: {
      readBytes: count(io['readBytes'], 'io.stat'),
      writeBytes: count(io['writeBytes'], 'io.stat'),
    },
    networks: parseLinks(value['networks']),
  }
}

function parseLinks(value: unknown): Readonly<Record<string, LinkStats>> {
  if (!isObject(value)) throw broken('networks')
  return Object.fromEntries(
    Object.entries(value).map(([name, link]) => {
      const counters = numbers(link, 'networks')
      const counter = (key: keyof LinkStats): number => count(counters[key], 'networks')
      return [
        name,
        {
          rxBytes: counter('rxBytes'),
          rxPackets: counter('rxPackets'),
          rxErrors: counter('rxErrors'),
          rxDropped: counter('rxDropped'),
          txBytes: counter('txBytes'),
          txPackets: counter('txPackets'),
          txErrors: counter('txErrors'),
          txDropped: counter('txDropped'),
        },
      ]
    }),
  )
}

export interface ProcessRow {
  readonly pid: number
  readonly command: string
  readonly [column: string]: string | number
}

export function parseProcesses(value: unknown): readonly ProcessRow[] {
  if (!isObject(value) || !Array.isArray(value['processes'])) throw broken('top')
  return value['processes'].map((row: unknown) => {
    if (
      !isObject(row) ||
      typeof row['pid'] !== 'number' ||
      typeof row['command'] !== 'string' ||
      !Object.values(row).every((item) => typeof item === 'number' || typeof item === 'string')
    ) {
      throw broken('top')
    }
    return row as ProcessRow
  })
}

export function parseText(value: unknown): string {
  if (!isObject(value) || typeof value['text'] !== 'string') throw broken('kernel-log')
  return value['text']
}
