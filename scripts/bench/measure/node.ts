import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { NODE_PATHS } from '../../../agent/contract/paths.ts'
import type { NodeSuite } from '../../../test/lab/node-image.ts'
import {
  knownHostsLines,
  type LabNode,
  type NodeOptions,
  nodeExec,
  ownName,
  removeNode,
  removeOrphans,
  startNode,
} from '../../../test/lab/nodes.ts'
import { waitFor } from '../../../test/lab/wait.ts'
import type { Bench } from './bench.ts'

const PREFIX = 'bench'
/** After a validation the agent's runtime gives memory back within seconds. */
const IDLE_AFTER_MS = 10_000

export interface BenchNode extends LabNode {
  /** Of this node alone, with its `known_hosts`: another node may get its address later. */
  folder: string
}

/** Runs with a bare host and takes it away again. */
export async function withBareNode<T>(bench: Bench, suite: NodeSuite, work: (node: BenchNode) => Promise<T>) {
  return withNodes(
    1,
    () => startBenchNode(bench, suite),
    ([node]) => work(node),
  )
}

/** Runs with so many bare hosts. */
export function withBareNodes<T>(bench: Bench, count: number, work: (nodes: BenchNode[]) => Promise<T>): Promise<T> {
  return withNodes(count, () => startBenchNode(bench, 'trixie'), work)
}

/** Runs with so many nodes as `start` gives them, and takes away all that were started. */
export async function withNodes<T>(
  count: number,
  start: () => Promise<BenchNode>,
  work: (nodes: [BenchNode, ...BenchNode[]]) => Promise<T>,
): Promise<T> {
  const first = await start()
  const others: BenchNode[] = []
  try {
    while (others.length + 1 < count) others.push(await start())
    return await work([first, ...others])
  } finally {
    for (const { name } of [first, ...others]) await removeNode(name)
  }
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

/** Starts a node, with a folder at the desk of its own. */
export async function startBenchNode(bench: Bench, suite: NodeSuite, more: Partial<NodeOptions> = {}) {
  const name = ownName(`${PREFIX}-${++started}`, suite)
  const node = await startNode({ name, suite, publicKey: bench.key.publicKey, ...more })
  try {
    const folder = join(bench.folder, name)
    await mkdir(folder)
    await writeFile(join(folder, 'known_hosts'), `${(await knownHostsLines(node)).join('\n')}\n`)
    return { ...node, folder }
  } catch (error) {
    await removeNode(name)
    throw error
  }
}

/** So that each node of a run has a name, and a folder, of its own. */
let started = 0
