import { statfsSync } from 'node:fs'
import type { LabNode } from '../../../test/lab/nodes.ts'
import { controlGroup } from './control-group.ts'
import { receivedBytes } from './meters.ts'

/** What a node used up while it was watched. */
export interface NodeUse {
  receivedBytes: number
  /** Of all that runs in it, containers too. */
  cpuSeconds: number
  /** The most that its processes held, without the page cache, which grows to what there is. */
  peakMemoryBytes: number
  disk: DiskUse
}

export interface DiskUse {
  beforeBytes: number
  peakBytes: number
  afterBytes: number
}

const SAMPLE_EVERY_MS = 100

/**
 * Watches a node, ten times a second.
 * @param path of the node, on the file system whose fill is watched
 */
export function watchNode(node: LabNode, path: string): { end(): NodeUse } {
  const group = controlGroup(node)
  const usedBytes = () => {
    const { bsize, blocks, bfree } = statfsSync(`/proc/${node.pid}/root${path}`)
    return (blocks - bfree) * bsize
  }
  const before = { disk: usedBytes(), cpu: group.cpuSeconds(), received: receivedBytes(node) }
  let peakBytes = before.disk
  let peakMemoryBytes = 0
  const sample = () => {
    const bytes = usedBytes()
    peakBytes = Math.max(peakBytes, bytes)
    peakMemoryBytes = Math.max(peakMemoryBytes, group.memoryBytes())
    return bytes
  }
  // Whoever fails meanwhile does not get to end this.
  const timer = setInterval(sample, SAMPLE_EVERY_MS).unref()
  return {
    end() {
      clearInterval(timer)
      const afterBytes = sample()
      return {
        receivedBytes: receivedBytes(node) - before.received,
        cpuSeconds: group.cpuSeconds() - before.cpu,
        peakMemoryBytes,
        disk: { beforeBytes: before.disk, peakBytes, afterBytes },
      }
    },
  }
}

/** Against what was added, not against all that lies on the disk: the stricter of the two. */
export function percentOverFinal({ beforeBytes, peakBytes, afterBytes }: DiskUse): number {
  return (100 * (peakBytes - afterBytes)) / (afterBytes - beforeBytes)
}
