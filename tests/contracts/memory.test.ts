import { MemoryBlobStore } from '../../src/storage/memory-blob-store.ts'
import { MemoryLogStore } from '../../src/storage/memory-log-store.ts'
import { MemoryRecordStore } from '../../src/storage/memory-record-store.ts'
import { describeBlobStore } from './blob-store.ts'
import { describeLogStore } from './log-store.ts'
import { describeRecordStore } from './record-store.ts'

describeBlobStore('memory', () => Promise.resolve(new MemoryBlobStore()))
describeRecordStore('memory', () => Promise.resolve(new MemoryRecordStore()))
describeLogStore('memory', (bound) => Promise.resolve(new MemoryLogStore(bound)))
