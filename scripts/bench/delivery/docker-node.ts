import { NODE_PATHS } from '../../../agent/contract/paths.ts'
import { nodeExec, removeNode } from '../../../test/lab/nodes.ts'
import { waitFor } from '../../../test/lab/wait.ts'
import type { Bench } from '../measure/bench.ts'
import { type BenchNode, startBenchNode, withNodes } from '../measure/node.ts'
import { ensureDockerNodeImage } from './docker-node-image.ts'
import type { Runtime } from './runtime.ts'

/** Where a node's own disk is mounted; all that a delivery can fill lies on it. */
export const DATA_PATH = '/data'
const DISK_BYTES = 8 * 1024 ** 3

/** Runs with a host that has the bundle's Docker, no image, and its Docker's and mojabox's files on a disk of its own. */
export async function withDockerNode<T>(bench: Bench, runtime: Runtime, work: (node: BenchNode) => Promise<T>) {
  return withNodes(
    1,
    () => startDockerNode(bench, runtime),
    ([node]) => work(node),
  )
}

/** With several alike. */
export function withDockerNodes<T>(
  bench: Bench,
  runtime: Runtime,
  count: number,
  work: (nodes: BenchNode[]) => Promise<T>,
): Promise<T> {
  return withNodes(count, () => startDockerNode(bench, runtime), work)
}

async function startDockerNode(bench: Bench, { suite, daemon }: Runtime): Promise<BenchNode> {
  const image = await ensureDockerNodeImage(bench.bundle, suite)
  const node = await startBenchNode(bench, suite, { image, diskBytes: DISK_BYTES, diskMountPath: DATA_PATH })
  try {
    await nodeExec(node.name, ['sh', '-euc', START, 'sh', daemon ? JSON.stringify(daemon) : ''])
    await waitFor('Docker on the node', () => nodeExec(node.name, ['docker', 'version']), { timeoutMs: 60_000 })
    await nodeExec(node.name, ['sync'])
    return node
  } catch (error) {
    await removeNode(node.name)
    throw error
  }
}

const START = `
  for path in /var/lib/docker /var/lib/containerd ${NODE_PATHS.root}; do
    mkdir -p "$path" "${DATA_PATH}$path"
    mount --bind "${DATA_PATH}$path" "$path"
  done
  if [ -n "$1" ]; then mkdir -p /etc/docker; printf '%s' "$1" > /etc/docker/daemon.json; fi
  systemctl --quiet enable containerd docker
  systemctl start docker`
