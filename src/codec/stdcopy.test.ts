import { expect, test } from 'vitest'
import { encodeStdcopy, stdcopyDecoder, type StdFrame } from './stdcopy.ts'

async function decode(chunks: Uint8Array[]): Promise<string[]> {
  const frames: StdFrame[] = []
  const wire = new ReadableStream<Uint8Array>({
    start: (controller) => {
      for (const chunk of chunks) controller.enqueue(chunk)
      controller.close()
    },
  })
  await wire
    .pipeThrough(stdcopyDecoder())
    .pipeTo(new WritableStream({ write: (frame) => void frames.push(frame) }))
  const text = new TextDecoder()
  return frames.map((frame) => `${frame.stream}:${text.decode(frame.bytes)}`)
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

test('frames survive any cut', async () => {
  const wire = Buffer.concat([
    encodeStdcopy('stdout', bytes('one')),
    encodeStdcopy('stderr', bytes('two')),
  ])
  expect(await decode([wire])).toEqual(['stdout:one', 'stderr:two'])
  const single = await decode([...wire].map((byte) => Uint8Array.of(byte)))
  expect(single.join('')).toBe('stdout:ostdout:nstdout:estderr:tstderr:wstderr:o')
})

test('an empty frame is no output', async () => {
  expect(await decode([encodeStdcopy('stdout', new Uint8Array())])).toEqual([])
})

test('an unknown stream and a cut frame are errors', async () => {
  await expect(decode([Uint8Array.of(9, 0, 0, 0, 0, 0, 0, 1, 65)])).rejects.toThrow(
    'unrecognized stream: 9',
  )
  await expect(decode([encodeStdcopy('stdout', bytes('one')).subarray(0, 9)])).rejects.toThrow(
    'within a frame',
  )
})
