import { join } from 'node:path'
import type { NodeSuite } from '../../test/lab/node-image.ts'
import type { LabNode } from '../../test/lab/nodes.ts'
import { run } from '../../test/lab/process.ts'
import { IMAGE_SET_BUNDLES, IMAGE_SET_PROFILE } from './image-set/bundle.ts'
import { imageSet } from './image-set/image-set.ts'
import type { Bench, Group } from './measure/bench.ts'
import { copySigned } from './measure/copy-signed.ts'
import { type Figure, figure, median } from './measure/figure.ts'
import { type CarriedImages, carriedImages } from './measure/images.ts'
import { runAgain, runInstall, STOP } from './measure/install-run.ts'
import { type DiskUse, loadText, receivedBytes, watchDisk } from './measure/meters.ts'
import { agentIdle, type BenchNode, DATA_PATH, withDockerNode } from './measure/node.ts'

/** Odd, so that the median is a run that happened. */
const REPETITIONS = 3
const RERUNS = 5

/**
 * Eight images onto a node that has Docker but no image: by mojabox, with layers as registries have them and compressed
 * with zstd (`.zstd`), and as one does it by hand; on Docker 26 and on 20.10 (`.d20`).
 */
export const delivery: Group = {
  needsLab: true,
  needsImageSet: true,
  async measure(bench) {
    const ways = [await wayOf(bench, 'gzip', ''), await wayOf(bench, 'zstd', '.zstd')]
    return [
      ...(await measureSuite(bench, ways, 'trixie', '')),
      ...(await measureSuite(bench, ways, 'bookworm', '.d20')),
    ]
  },
}

/** One bundle of the images. */
interface Way {
  name: string
  /** Of its figures' ids. */
  suffix: string
  bench: Bench
  images: CarriedImages
}

async function wayOf(bench: Bench, name: keyof typeof IMAGE_SET_BUNDLES, suffix: string): Promise<Way> {
  const bundle = join(bench.folder, `image-set-${name}.tar`)
  await copySigned(IMAGE_SET_BUNDLES[name], bundle)
  const images = await carriedImages(bundle, imageSet)
  return { name, suffix, bench: { ...bench, bundle, profile: IMAGE_SET_PROFILE }, images }
}

interface Delivered {
  seconds: number
  receivedBytes: number
  disk: DiskUse
}

interface Runs {
  delivered: Delivered[]
  /** Of the last one, which goes to the end of the install. */
  installBytes: number
  reruns: number[]
}

/** Each way in turn, each on a fresh node. */
async function measureSuite(bench: Bench, ways: Way[], suite: NodeSuite, suffix: string): Promise<Figure[]> {
  const byHand: number[] = []
  const byMojabox = ways.map((way) => ({ way, runs: { delivered: [], installBytes: 0, reruns: [] } as Runs }))
  const tags = ways[0]?.images.tags ?? []
  const loads = [loadText()]
  for (let repetition = 1; repetition <= REPETITIONS; repetition++) {
    const seconds = await withDockerNode(bench, suite, (node) => deliverByHand(bench, node, tags))
    byHand.push(seconds)
    bench.say(`${suite} by hand: ${seconds.toFixed(1)} s`)
    for (const { way, runs } of byMojabox) await deliverOnce(way, runs, suite, { isLast: repetition === REPETITIONS })
    loads.push(loadText())
  }
  const byHandFigure = figure('delivery.byhand_s', median(byHand), 's', { note: texts(byHand) })
  const figures = byMojabox.flatMap(({ way, runs }) =>
    figuresOf(runs, median(byHand), way.images, `load ${loads.join(', ')}`).map((each) => ({
      ...each,
      id: `${each.id}${way.suffix}`,
    })),
  )
  return [byHandFigure, ...figures].map((each) => ({ ...each, id: `${each.id}${suffix}` }))
}

async function deliverOnce({ name, bench }: Way, runs: Runs, suite: NodeSuite, { isLast }: { isLast: boolean }) {
  await withDockerNode(bench, suite, async (node) => {
    const bytesBefore = receivedBytes(node)
    const delivered = await deliverByMojabox(bench, node, { toTheEnd: isLast })
    runs.delivered.push(delivered)
    bench.say(`${suite} by mojabox, ${name}: ${delivered.seconds.toFixed(1)} s`)
    if (!isLast) return
    runs.installBytes = receivedBytes(node) - bytesBefore
    runs.reruns = await nothingToDo(bench, node)
  })
}

function figuresOf(
  { delivered, installBytes, reruns }: Runs,
  byHandSeconds: number,
  { layerBytes }: CarriedImages,
  load: string,
): Figure[] {
  const seconds = delivered.map((each) => each.seconds)
  const bytes = median(delivered.map((each) => each.receivedBytes))
  const overFinal = Math.max(...delivered.map(({ disk }) => percentOverFinal(disk)))
  return [
    figure('delivery.cold', median(seconds) / byHandSeconds, 'x by hand', { limit: 0.6, note: load }),
    figure('delivery.cold_s', median(seconds), 's', { note: texts(seconds) }),
    figure('delivery.over_final_pct', overFinal, '% of what it adds', { limit: 5, note: 'the worst of the runs' }),
    figure('delivery.noop_s', median(reruns), 's', { limit: 3, note: texts(reruns) }),
    figure('wire.ratio', bytes / layerBytes, 'x missing bytes', { note: 'good: up to 1.05' }),
    figure('wire.mb', bytes / 1e6, 'MB'),
    figure('wire.install_mb', installBytes / 1e6, 'MB', { note: 'the whole install where Docker is there already' }),
  ]
}

function texts(values: number[]): string {
  return values.map((value) => value.toFixed(1)).join(', ')
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
