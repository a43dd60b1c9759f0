import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { NODE_PATHS } from '../../../agent/contract/paths.ts'
import { ANNOTATIONS } from '../../../bundles/format/manifest.ts'
import { openBundle } from '../../../bundles/format/open.ts'
import { readArtifactManifest, titledLayers } from '../../../bundles/format/read-artifact.ts'
import type { NodeSuite } from '../../../test/lab/node-image.ts'
import {
  knownHostsLines,
  type LabNode,
  nodeExec,
  ownName,
  removeNode,
  removeOrphans,
  startNode,
} from '../../../test/lab/nodes.ts'
import { waitFor } from '../../../test/lab/wait.ts'
import type { Bench } from './bench.ts'

/** Where a node's own disk is mounted; all that a delivery can fill lies on it. */
export const DATA_PATH = '/data'
const DISK_BYTES = 8 * 1024 ** 3
const PREFIX = 'bench'
const DISTRIBUTIONS: Record<NodeSuite, string> = { trixie: 'debian-13', bookworm: 'debian-12' }
/** After a validation the agent's runtime gives memory back within seconds. */
const IDLE_AFTER_MS = 10_000

export interface BenchNode extends LabNode {
  /** Of this node alone, with its `known_hosts`: another node may get its address later. */
  folder: string
}

/** Runs with a bare host and takes it away again. */
export async function withBareNode<T>(bench: Bench, suite: NodeSuite, work: (node: BenchNode) => Promise<T>) {
  return withNode(bench, suite, suite, [], work)
}

/** Runs with so many bare hosts. */
export function withBareNodes<T>(bench: Bench, count: number, work: (nodes: BenchNode[]) => Promise<T>): Promise<T> {
  const withMore = (nodes: BenchNode[]): Promise<T> =>
    nodes.length === count
      ? work(nodes)
      : withNode(bench, 'trixie', `host${nodes.length + 1}`, [], (node) => withMore([...nodes, node]))
  return withMore([])
}

/** Runs with a host that has the bundle's Docker, no image, and its Docker's and mojabox's files on a disk of its own. */
export async function withDockerNode<T>(bench: Bench, suite: NodeSuite, work: (node: BenchNode) => Promise<T>) {
  const { folder, wanted } = await packagesOf(bench, suite)
  return withNode(bench, suite, suite, ['--volume', `${folder}:/packages:ro`], async (node) => {
    await nodeExec(node.name, ['sh', '-euc', ONTO_OWN_DISK])
    await nodeExec(node.name, ['sh', '-euc', INSTALL, 'sh', ...wanted])
    await waitFor('Docker on the node', async () => await nodeExec(node.name, ['docker', 'version']), {
      timeoutMs: 60_000,
    })
    await nodeExec(node.name, ['sync'])
    return work(node)
  })
}

/** Takes away what an earlier benchmark that was killed has left; one that is on keeps its nodes. */
export function removeLeftNodes(): Promise<void> {
  return removeOrphans(PREFIX)
}

/** Waits until the agent's own first validation has ended and the node is quiet again. */
export async function agentIdle({ name }: LabNode): Promise<void> {
  const own = ['sh', '-c', `ls ${NODE_PATHS.reports}/agent-*.json`]
  await waitFor('the first validation of the agent', async () => (await nodeExec(name, own)).stdout !== '', {
    timeoutMs: 8 * 60_000,
    intervalMs: 1_000,
  })
  await delay(IDLE_AFTER_MS)
}

/** Resident memory of the agent's process, bytes. */
export async function agentResidentBytes({ name }: LabNode): Promise<number> {
  const script = 'grep VmRSS "/proc/$(systemctl show --property MainPID --value mojabox-agent)/status"'
  const { stdout } = await nodeExec(name, ['sh', '-euc', script])
  return Number(stdout.replace(/\D/g, '')) * 1024
}

const ONTO_OWN_DISK = `
  for path in /var/lib/docker /var/lib/containerd ${NODE_PATHS.root}; do
    mkdir -p "$path" "${DATA_PATH}$path"
    mount --bind "${DATA_PATH}$path" "$path"
  done`

const INSTALL = `
  list=$(mktemp); echo "deb [trusted=yes] file:/packages ./" > "$list"
  from="-o Dir::Etc::sourcelist=$list -o Dir::Etc::sourceparts=/dev/null"
  apt-get $from -qq update
  DEBIAN_FRONTEND=noninteractive apt-get $from -qq -y --no-install-recommends install "$@"
  systemctl start docker`

async function withNode<T>(
  bench: Bench,
  suite: NodeSuite,
  called: string,
  flags: string[],
  work: (node: BenchNode) => Promise<T>,
): Promise<T> {
  const name = ownName(PREFIX, called)
  const publicKey = bench.key.publicKey
  const disk = { diskBytes: DISK_BYTES, diskMountPath: DATA_PATH }
  const node = await startNode({ name, suite, publicKey, flags, ...(flags.length > 0 && disk) })
  try {
    const folder = join(bench.folder, `${name}-${node.pid}`)
    await mkdir(folder)
    await writeFile(join(folder, 'known_hosts'), `${(await knownHostsLines(node)).join('\n')}\n`)
    return await work({ ...node, folder })
  } finally {
    await removeNode(name)
  }
}

/** The bundle's packages of a distribution, as the flat repository that they are. */
async function packagesOf(bench: Bench, suite: NodeSuite): Promise<{ folder: string; wanted: string[] }> {
  const folder = join(bench.folder, `packages-${suite}`)
  const bundle = await openBundle(bench.bundle)
  try {
    const { artifacts } = bundle.manifest
    const artifact = artifacts.find(({ kind, name }) => kind === 'packages' && name === DISTRIBUTIONS[suite])
    if (!artifact) throw new Error(`the bundle has no packages of ${DISTRIBUTIONS[suite]}`)
    await mkdir(folder, { recursive: true })
    const manifest = await readArtifactManifest(bundle, artifact)
    for (const [title, layer] of titledLayers(manifest)) {
      await writeFile(join(folder, title), bundle.read(layer.digest))
    }
    return { folder, wanted: (manifest.annotations?.[ANNOTATIONS.install] ?? '').split(' ') }
  } finally {
    await bundle.close()
  }
}
