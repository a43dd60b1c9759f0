import { docker, labLabel } from './docker.ts'
import { labNetwork } from './network.ts'
import { listNodes, removeNode } from './nodes.ts'
import { run } from './process.ts'
import { stopRegistry } from './registry.ts'
import type { Log } from './stages.ts'

export interface TearDownOptions {
  log?: Log
  /** Remove the lab's images too; the next set-up then builds them anew. */
  images?: boolean
}

/**
 * Removes the lab's nodes, its network and its registry (whose blobs stay in the cache). Other containers, those run
 * from lab images too, are somebody else's and stay; so does the Docker engine.
 */
export async function tearDownLab({ log = () => {}, images = false }: TearDownOptions = {}): Promise<void> {
  for (const name of await listNodes()) {
    await removeNode(name)
    log(`removed node ${name}`)
  }
  const network = await run(['docker', 'network', 'rm', labNetwork.name], { allowFailure: true })
  if (network.exitCode === 0) log(`removed network ${labNetwork.name}`)
  if (stopRegistry()) log('stopped the registry')
  if (!images) return
  const ids = (await docker(['image', 'ls', '--quiet', '--no-trunc', '--filter', `label=${labLabel}`])).split('\n')
  for (const id of new Set(ids.filter(Boolean))) {
    // Fails for an image that a container still uses, and for a layer that went with the image on top of it.
    const { exitCode } = await run(['docker', 'image', 'rm', '--force', id], { allowFailure: true })
    if (exitCode === 0) log(`removed image ${id}`)
  }
}
