import { mkdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { docker } from '../../lab/docker.ts'
import { nodeExec } from '../../lab/nodes.ts'
import { run } from '../../lab/process.ts'
import { bundle } from './desk.ts'

interface Manifest {
  manifests?: { digest: string; annotations?: Record<string, string> }[]
  layers?: { digest: string; annotations?: Record<string, string> }[]
}

/**
 * Installs Docker on a Debian 13 node as its owner would have: from Debian's packages, long before mojabox comes. They
 * are taken out of the bundle with tar alone, as a node has no way to a mirror.
 */
export async function installDockerByHand(node: string, folder: string): Promise<void> {
  const debs = join(folder, 'debs')
  await rm(debs, { recursive: true, force: true })
  await mkdir(debs)
  const index = await read('index.json')
  const packages = index.manifests?.find(({ annotations }) => annotations?.['org.mojabox.name'] === 'debian-13')
  const files = (await read(blobPath(packages?.digest))).layers ?? []
  await run(['tar', '-xf', bundle, '-C', debs, ...files.map(({ digest }) => blobPath(digest))])
  for (const { digest, annotations } of files)
    await rename(join(debs, blobPath(digest)), join(debs, annotations?.['org.opencontainers.image.title'] ?? 'nameless'))
  await rm(join(debs, 'blobs'), { recursive: true })
  await rm(join(debs, 'Packages'))
  await docker(['cp', debs, `mojabox-lab-${node}:/root/debs`])
  const install = 'apt-get install --yes --no-install-recommends /root/debs/*.deb && rm -r /root/debs'
  await nodeExec(node, ['env', 'DEBIAN_FRONTEND=noninteractive', 'sh', '-euc', install])
}

function blobPath(digest = ''): string {
  return `blobs/sha256/${digest.slice('sha256:'.length)}`
}

async function read(path: string): Promise<Manifest> {
  return JSON.parse((await run(['tar', '-xOf', bundle, path])).stdout)
}

/** Gives a node with Docker what its owner runs on it: a container, its image, a volume, and a name that the hub uses too. */
export async function runOwnContainer(node: string): Promise<void> {
  const image = await run(['sh', '-c', 'docker tag mojabox-lab/redis:8.0 own/cache:1 && docker save own/cache:1 | docker exec -i "$1" docker load', 'sh', `mojabox-lab-${node}`])
  if (!image.stdout.includes('own/cache:1')) throw new Error(image.stdout)
  await docker(['image', 'rm', 'own/cache:1'])
  const start = ['docker', 'run', '--detach', '--name', 'own-cache', '--restart', 'always', '--volume', 'own-data:/data', 'own/cache:1']
  await nodeExec(node, start)
  // Theirs, under a name that the hub's own image has as well.
  await nodeExec(node, ['sh', '-c', 'tar --create --files-from /dev/null | docker import - redis:8.0'])
}
