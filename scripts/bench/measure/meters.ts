import { readFileSync } from 'node:fs'
import { loadavg } from 'node:os'
import type { LabNode } from '../../../test/lab/nodes.ts'

/** Bytes that have come in over a node's own interface since it started; what its containers say to each other not. */
export function receivedBytes(node: LabNode): number {
  const line = readFileSync(`/proc/${node.pid}/net/dev`, 'utf8')
    .split('\n')
    .find((each) => each.trim().startsWith('eth0:'))
  const received = Number(line?.split(':')[1]?.trim().split(/\s+/)[0])
  if (Number.isNaN(received)) throw new Error(`reading the interface of ${node.name}: it has no eth0`)
  return received
}

/** How busy the machine is: says how far a figure can be trusted. */
export function loadText(): string {
  const [oneMinute = 0] = loadavg()
  return oneMinute.toFixed(1)
}
