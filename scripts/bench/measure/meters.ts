import { readFileSync, statfsSync } from 'node:fs'
import { loadavg } from 'node:os'
import type { LabNode } from '../../../test/lab/nodes.ts'

const SAMPLE_EVERY_MS = 100

/** Bytes that have come in over a node's own interface since it started; what its containers say to each other not. */
export function receivedBytes(node: LabNode): number {
  const line = readFileSync(`/proc/${node.pid}/net/dev`, 'utf8')
    .split('\n')
    .find((each) => each.trim().startsWith('eth0:'))
  const received = Number(line?.split(':')[1]?.trim().split(/\s+/)[0])
  if (Number.isNaN(received)) throw new Error(`reading the interface of ${node.name}: it has no eth0`)
  return received
}

export interface DiskUse {
  beforeBytes: number
  peakBytes: number
  afterBytes: number
}

/** Watches how full the file system at a path of the node is, ten times a second. */
export function watchDisk(node: LabNode, path: string): { end(): DiskUse } {
  const used = () => {
    const { bsize, blocks, bfree } = statfsSync(`/proc/${node.pid}/root${path}`)
    return (blocks - bfree) * bsize
  }
  const beforeBytes = used()
  let peakBytes = beforeBytes
  const sample = () => {
    const bytes = used()
    peakBytes = Math.max(peakBytes, bytes)
    return bytes
  }
  const timer = setInterval(sample, SAMPLE_EVERY_MS)
  return {
    end() {
      clearInterval(timer)
      const afterBytes = sample()
      return { beforeBytes, peakBytes, afterBytes }
    },
  }
}

/** How busy the machine is: says how far a figure can be trusted. */
export function loadText(): string {
  const [oneMinute = 0] = loadavg()
  return oneMinute.toFixed(1)
}
