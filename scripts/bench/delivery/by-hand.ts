import { join } from 'node:path'
import { nodeExec } from '../../../test/lab/nodes.ts'
import { run } from '../../../test/lab/process.ts'
import type { Bench } from '../measure/bench.ts'
import type { BenchNode } from '../measure/node.ts'
import { type NodeUse, watchNode } from '../measure/node-use.ts'
import { dockerDaemonPid, processUse } from '../measure/process-use.ts'
import { DATA_PATH } from './docker-node.ts'

/** What an operator types without mojabox. `$IMAGES` and `$TAR` say what of; `"$@"` is ssh to the node. */
export const BY_HAND = {
  plain: 'docker save $IMAGES | "$@" sudo docker load',
  zstd: 'docker save $IMAGES | zstd -q -3 -T0 | "$@" "zstd -dcq | sudo docker load"',
  savedTar: '"$@" sudo docker load < "$TAR"',
  savedZstd: '"$@" "zstd -dcq | sudo docker load" < "$TAR"',
} as const

export type HandWay = keyof typeof BY_HAND

export interface HandDelivery {
  seconds: number
  node: NodeUse
  /** Of the commands at the desk and of its Docker daemon. */
  deskCpuSeconds: number
}

/**
 * With ssh as it is; at the desk `docker save` is part of the work, unless the images lie in a tar already.
 * @param tags of the desk's Docker
 * @throws Error when the node has not all of them afterwards
 */
export async function deliverByHand(
  bench: Bench,
  node: BenchNode,
  way: HandWay,
  { tags, tar = '' }: { tags: string[]; tar?: string },
): Promise<HandDelivery> {
  const knownHosts = `UserKnownHostsFile=${join(node.folder, 'known_hosts')}`
  const ssh = ['ssh', '-F', '/dev/null', '-i', bench.key.privateKeyPath, '-o', knownHosts, `ops@${node.ip}`]
  const script = `${BY_HAND[way]} || exit; times >&2`
  const daemon = dockerDaemonPid()
  const daemonBefore = processUse(daemon).cpuSeconds
  const watch = watchNode(node, DATA_PATH)
  const startedAt = performance.now()
  const { stderr } = await run(['bash', '-o', 'pipefail', '-c', script, 'bash', ...ssh], {
    env: { IMAGES: tags.join(' '), TAR: tar },
    timeoutMs: 900_000,
  })
  const seconds = (performance.now() - startedAt) / 1000
  const use = watch.end()
  const deskCpuSeconds = childrenCpuSeconds(stderr) + processUse(daemon).cpuSeconds - daemonBefore
  await nodeExec(node.name, ['docker', 'image', 'inspect', '--format', '{{.Id}}', ...tags])
  return { seconds, node: use, deskCpuSeconds }
}

/** From the last line of what bash says with `times`: `0m1.250s 0m0.310s`, user and system. */
function childrenCpuSeconds(text: string): number {
  const [last = ''] = text.trim().split('\n').slice(-1)
  const parts = [...last.matchAll(/(\d+)m([\d.]+)s/g)]
  if (parts.length !== 2) throw new Error(`reading what bash says of its children: ${last}`)
  return parts.reduce((sum, [, minutes, seconds]) => sum + Number(minutes) * 60 + Number(seconds), 0)
}
