import { copyFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { NodeSuite } from '../../test/lab/node-image.ts'
import type { LabNode } from '../../test/lab/nodes.ts'
import { run } from '../../test/lab/process.ts'
import { IMAGE_SET_BUNDLE, IMAGE_SET_PROFILE } from './image-set/bundle.ts'
import { imageSet } from './image-set/image-set.ts'
import type { Bench, Group } from './measure/bench.ts'
import { type Figure, figure, median } from './measure/figure.ts'
import { type CarriedImages, carriedImages } from './measure/images.ts'
import { runAgain, runInstall, STOP } from './measure/install-run.ts'
import { type DiskUse, loadText, receivedBytes, watchDisk } from './measure/meters.ts'
import { agentIdle, type BenchNode, DATA_PATH, withDockerNode } from './measure/node.ts'

/** Odd, so that the median is a run that happened. */
const REPETITIONS = 3
const RERUNS = 5

/** Eight images onto a node that has Docker but no image: by mojabox, and as one does it by hand. */
export const delivery: Group = {
  needsLab: true,
  needsImageSet: true,
  async measure(bench) {
    const bundle = join(bench.folder, 'image-set.tar')
    await copyFile(IMAGE_SET_BUNDLE, bundle)
    const ofSet: Bench = { ...bench, bundle, profile: IMAGE_SET_PROFILE }
    const images = await carriedImages(bundle, imageSet)
    return [
      ...(await measureSuite(ofSet, images, 'trixie', '')),
      ...(await measureSuite(ofSet, images, 'bookworm', '.d20')),
    ]
  },
}

interface Delivered {
  seconds: number
  receivedBytes: number
  disk: DiskUse
}

/** Both ways in turn, each on a fresh node; the last node is installed to the end, for an install with nothing to do. */
async function measureSuite(bench: Bench, images: CarriedImages, suite: NodeSuite, suffix: string): Promise<Figure[]> {
  const byMojabox: Delivered[] = []
  const byHand: number[] = []
  const loads = [loadText()]
  let whole = { installBytes: 0, reruns: [] as number[] }
  for (let repetition = 1; repetition <= REPETITIONS; repetition++) {
    const seconds = await withDockerNode(bench, suite, (node) => deliverByHand(bench, node, images.tags))
    byHand.push(seconds)
    bench.say(`${suite} by hand: ${seconds.toFixed(1)} s`)
    await withDockerNode(bench, suite, async (node) => {
      const isLast = repetition === REPETITIONS
      const bytesBefore = receivedBytes(node)
      const delivered = await deliverByMojabox(bench, node, { toTheEnd: isLast })
      byMojabox.push(delivered)
      bench.say(`${suite} by mojabox: ${delivered.seconds.toFixed(1)} s`)
      if (isLast) whole = { installBytes: receivedBytes(node) - bytesBefore, reruns: await nothingToDo(bench, node) }
    })
    loads.push(loadText())
  }
  const load = `load ${loads.join(', ')}`
  return figuresOf(byMojabox, byHand, images, whole, load).map((each) => ({ ...each, id: `${each.id}${suffix}` }))
}

function figuresOf(
  byMojabox: Delivered[],
  byHand: number[],
  { layerBytes }: CarriedImages,
  { installBytes, reruns }: { installBytes: number; reruns: number[] },
  load: string,
): Figure[] {
  const coldSeconds = median(byMojabox.map(({ seconds }) => seconds))
  const bytes = median(byMojabox.map((each) => each.receivedBytes))
  const overFinal = Math.max(...byMojabox.map(({ disk }) => percentOverFinal(disk)))
  const runs = (values: number[]) => values.map((value) => value.toFixed(1)).join(', ')
  return [
    figure('delivery.cold', coldSeconds / median(byHand), 'x by hand', { limit: 0.6, note: load }),
    figure('delivery.cold_s', coldSeconds, 's', { note: runs(byMojabox.map(({ seconds }) => seconds)) }),
    figure('delivery.byhand_s', median(byHand), 's', { note: runs(byHand) }),
    figure('delivery.over_final_pct', overFinal, '% of what it adds', { limit: 5, note: 'the worst of the runs' }),
    figure('delivery.noop_s', median(reruns), 's', { limit: 3, note: runs(reruns) }),
    figure('wire.ratio', bytes / layerBytes, 'x missing bytes', { note: 'good: up to 1.05' }),
    figure('wire.install_mb', installBytes / 1e6, 'MB', { note: 'the whole install where Docker is there already' }),
  ]
}

/** The step `images` of an install: its own seconds, what came in meanwhile, and how full the disk was. */
async function deliverByMojabox(
  bench: Bench,
  node: BenchNode,
  { toTheEnd }: { toTheEnd: boolean },
): Promise<Delivered> {
  let begun: { receivedBytes: number; disk: ReturnType<typeof watchDisk> } | undefined
  let delivered: Delivered | undefined
  await runInstall(bench, node, (event) => {
    if (event.type === 'step-started' && event.id === 'images') {
      begun = { receivedBytes: receivedBytes(node), disk: watchDisk(node, DATA_PATH) }
    }
    if (event.type !== 'step-done' || event.id !== 'images' || !begun) return undefined
    const { seconds } = event
    delivered = { seconds, receivedBytes: receivedBytes(node) - begun.receivedBytes, disk: begun.disk.end() }
    return toTheEnd ? undefined : STOP
  })
  if (!delivered) throw new Error('mojabox install: no step `images`')
  return delivered
}

/** `docker save | ssh docker load`, with ssh as it is; the desk's `docker save` is part of the work. */
async function deliverByHand(bench: Bench, node: BenchNode, tags: string[]): Promise<number> {
  const knownHosts = `UserKnownHostsFile=${join(node.folder, 'known_hosts')}`
  const ssh = ['ssh', '-F', '/dev/null', '-i', bench.key.privateKeyPath, '-o', knownHosts, `ops@${node.ip}`]
  const pipe = ['bash', '-o', 'pipefail', '-c', 'docker save $IMAGES | "$@"', 'bash']
  const startedAt = performance.now()
  await run([...pipe, ...ssh, 'sudo', 'docker', 'load'], { env: { IMAGES: tags.join(' ') }, timeoutMs: 600_000 })
  return (performance.now() - startedAt) / 1000
}

async function nothingToDo(bench: Bench, node: BenchNode & LabNode): Promise<number[]> {
  await agentIdle(node)
  const seconds: number[] = []
  for (let rerun = 0; rerun < RERUNS; rerun++) seconds.push(await runAgain(bench, node))
  return seconds
}

/** Against what the delivery adds, not against all that lies on the disk: the stricter of the two. */
function percentOverFinal({ beforeBytes, peakBytes, afterBytes }: DiskUse): number {
  return (100 * (peakBytes - afterBytes)) / (afterBytes - beforeBytes)
}
