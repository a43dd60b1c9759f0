import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { RunCommand } from '../contract/step.ts'
import { PROJECT } from './compose.ts'

const SYS_NET = '/sys/class/net'
/** A container that is just starting has its link before Docker tells its process. */
const LOOK_AGAIN_AFTER_MS = 1_000

/**
 * Takes links away that no running container has, from the bridge of the hub's network. A daemon that was killed leaves
 * those of the containers that it had: their addresses go to new containers, and whoever calls these reaches nobody. Docker
 * itself never takes them away again.
 * @param root where `/sys` and `/proc` are
 * @returns how many
 */
export async function removeStaleLinks(run: RunCommand, root = '/'): Promise<number> {
  const first = await staleLinks(run, root)
  if (first.length === 0) return 0
  await delay(LOOK_AGAIN_AFTER_MS)
  const second = new Set(await staleLinks(run, root))
  const stale = first.filter((link) => second.has(link))
  for (const link of stale) await run(['ip', 'link', 'delete', link], { okCodes: [0, 1] })
  return stale.length
}

async function staleLinks(run: RunCommand, root: string): Promise<string[]> {
  const listed = await run(['docker', 'network', 'ls', '--no-trunc', '--quiet', '--filter', `name=^${PROJECT}$`])
  const network = listed.stdout.trim().split('\n')[0] ?? ''
  const bridge = join(root, SYS_NET, `br-${network.slice(0, 12)}`, 'brif')
  const links = network === '' ? [] : await readdir(bridge).catch(() => [])
  if (links.length === 0) return []
  // Any container may be in the hub's network, also one that is not the hub's.
  const { stdout } = await run(['docker', 'ps', '--quiet', '--no-trunc', '--filter', `network=${network}`])
  const ids = stdout.split('\n').filter(Boolean)
  const inspected =
    ids.length === 0 ? '' : (await run(['docker', 'inspect', '--format', '{{.State.Pid}}', ...ids])).stdout
  const peers = await Promise.all(
    inspected
      .split('\n')
      .filter(Boolean)
      .map((pid) => peersOf(pid, root)),
  )
  // Of a container whose links cannot be seen, none must be taken for stale.
  if (peers.some((found) => found.length === 0)) return []
  const held = new Set(peers.flat())
  const stale: string[] = []
  for (const link of links) if (!held.has(await numberIn(join(root, SYS_NET, link, 'ifindex')))) stale.push(link)
  return stale
}

/** The other ends of a process's links, by their numbers on the host; none where they cannot be seen. */
async function peersOf(pid: string, root: string): Promise<number[]> {
  const folder = join(root, 'proc', pid, 'root', SYS_NET)
  const names = await readdir(folder).catch(() => [])
  return Promise.all(names.filter((name) => name !== 'lo').map((name) => numberIn(join(folder, name, 'iflink'))))
}

async function numberIn(path: string): Promise<number> {
  return Number((await readFile(path, 'utf8').catch(() => '0')).trim())
}
