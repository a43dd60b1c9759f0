import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Digest } from '../../../bundles/format/manifest.ts'
import { openBundle } from '../../../bundles/format/open.ts'
import { nodeExec } from '../../../test/lab/nodes.ts'
import { run } from '../../../test/lab/process.ts'
import type { Compression } from '../image-set/bundle.ts'
import type { BenchNode } from '../measure/node.ts'
import { DATA_PATH, withDockerNode } from './docker-node.ts'
import { say, type Trial } from './trial.ts'

const UNPACKERS: Record<Compression, string> = { gzip: 'gzip -dc', zstd: 'zstd -dcq' }
const FOLDER = `${DATA_PATH}/floor`

/** $1: layers at a time, $2: what unpacks one. The files reach the disk, as those of a delivery need not. */
const UNPACK = `
  cd ${FOLDER}/layers
  ls | xargs -P "$1" -I{} sh -euc "mkdir -p ${FOLDER}/out/{}; $2 {} | tar -C ${FOLDER}/out/{} -xf -"
  sync -f ${FOLDER}`

/** What no delivery can be quicker than, on a node as they get it: to connect, and to unpack the layers. */
export async function measureFloors(trial: Trial): Promise<void> {
  const { bench, samples } = trial
  await withDockerNode(bench, trial.runtime, async (node) => {
    samples.add('floor.connect.s', await secondsOf(() => connect(trial, node)))
    for (const compression of ['gzip', 'zstd'] as const) {
      await putLayers(trial, compression, node)
      for (const atOnce of [1, 2]) {
        const unpack = ['sh', '-euc', UNPACK, 'sh', `${atOnce}`, UNPACKERS[compression]]
        samples.add(`floor.${compression}_${atOnce}.s`, await secondsOf(() => nodeExec(node.name, unpack)))
        await nodeExec(node.name, ['rm', '-rf', `${FOLDER}/out`])
      }
      await nodeExec(node.name, ['rm', '-rf', FOLDER])
    }
  })
  say(trial, 'floors measured')
}

async function connect({ bench }: Trial, node: BenchNode): Promise<void> {
  const knownHosts = `UserKnownHostsFile=${join(node.folder, 'known_hosts')}`
  await run(['ssh', '-F', '/dev/null', '-i', bench.key.privateKeyPath, '-o', knownHosts, `ops@${node.ip}`, 'true'])
}

async function putLayers({ sets }: Trial, compression: Compression, node: BenchNode): Promise<void> {
  const { bench, images } = sets[compression]
  const folder = `/proc/${node.pid}/root${FOLDER}/layers`
  await mkdir(folder, { recursive: true })
  const bundle = await openBundle(bench[1].bundle)
  try {
    for (const digest of images[1].layers.keys()) await writeFile(join(folder, fileName(digest)), bundle.read(digest))
  } finally {
    await bundle.close()
  }
  await nodeExec(node.name, ['sync', '-f', DATA_PATH])
}

function fileName(digest: Digest): string {
  return digest.replace(':', '-')
}

async function secondsOf(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now()
  await work()
  return (performance.now() - startedAt) / 1000
}
