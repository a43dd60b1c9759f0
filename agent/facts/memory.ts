import type { Facts } from '../contract/facts.ts'
import { readNumber } from './text-file.ts'

export async function collectMemory(): Promise<Facts['memory']> {
  const { mem } = await import('systeminformation')
  const [memory, two, one] = await Promise.all([
    mem(),
    readNumber('/sys/fs/cgroup/memory.max'),
    readNumber('/sys/fs/cgroup/memory/memory.limit_in_bytes'),
  ])
  if (!memory.total) return null
  const limit = two ?? one
  return {
    totalBytes: memory.total,
    availableBytes: memory.available,
    swapTotalBytes: memory.swaptotal,
    // Without a limit cgroup v1 tells an enormous number.
    limitBytes: limit !== null && limit < memory.total ? limit : null,
  }
}
