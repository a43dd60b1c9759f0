import { countReceived, receivedFrom } from '../../test/lab/traffic.ts'
import { TRUSTED_KEY } from '../lab/artifacts.ts'
import type { Bench, Group } from './measure/bench.ts'
import { startCommand } from './measure/command.ts'
import { type Figure, figure } from './measure/figure.ts'
import { loadText } from './measure/meters.ts'
import { type BenchNode, withBareNodes } from './measure/node.ts'

const HOSTS = 5

/**
 * What leaves the desk for an install on several hosts, executable and all, against what one of them takes in. Ends when
 * each has its images: nothing travels after that.
 */
export const seeding: Group = {
  needsLab: true,
  measure: (bench) => withBareNodes(bench, HOSTS, (nodes) => measure(bench, nodes)),
}

async function measure(bench: Bench, nodes: BenchNode[]): Promise<Figure[]> {
  for (const { pid } of nodes) await countReceived(pid)
  const startedAt = performance.now()
  await untilImagesAreThere(bench, nodes)
  const seconds = (performance.now() - startedAt) / 1000
  const received = await Promise.all(nodes.map(({ pid }) => receivedFrom(pid)))
  const sentBytes = received.reduce((sum, { hereBytes }) => sum + hereBytes, 0)
  const takenBytes = Math.max(...received.map(({ hereBytes, nodesBytes }) => hereBytes + nodesBytes))
  return [
    figure('seeding.uplink', sentBytes / takenBytes, 'x one host', { limit: 1.15, note: `${HOSTS} hosts` }),
    figure('seeding.uplink_mb', sentBytes / 1e6, 'MB'),
    figure('seeding.images_s', seconds, 's', { note: `until the last has its images; load ${loadText()}` }),
  ]
}

async function untilImagesAreThere(bench: Bench, nodes: BenchNode[]): Promise<void> {
  const command = startCommand(bench, nodes, ['install', '--bundle', bench.bundle, '--trust', TRUSTED_KEY])
  const waiting = new Set(nodes.map(({ name }) => name))
  for await (const event of command.events) {
    if (event.type === 'step-done' && event.id === 'images') waiting.delete(event.host)
    if (waiting.size === 0) break
  }
  command.child.kill('SIGKILL')
  await command.ended
  if (waiting.size > 0) throw new Error(`mojabox install: no images on ${[...waiting].join(', ')}`)
}
