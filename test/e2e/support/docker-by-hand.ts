import { mkdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { docker } from '../../lab/docker.ts'
import { nodeExec } from '../../lab/nodes.ts'
import { run } from '../../lab/process.ts'
import { packageFiles } from './bundle-content.ts'
import { bundle } from './desk.ts'

/**
 * Installs Docker on a Debian 13 node as its owner would have: from Debian's packages, long before mojabox comes. They
 * are taken out of the bundle with tar alone, as a node has no way to a mirror.
 */
export async function installDockerByHand(node: string, folder: string): Promise<void> {
  const debs = join(folder, 'debs')
  await mkdir(debs)
  const files = await packageFiles('debian-13')
  await run(['tar', '--extract', '--file', bundle, '--directory', debs, ...files.map(({ path }) => path)])
  for (const { path, name } of files) await rename(join(debs, path), join(debs, name))
  await rm(join(debs, 'blobs'), { recursive: true })
  await docker(['cp', debs, `mojabox-lab-${node}:/root/debs`])
  const install = 'apt-get install --yes --no-install-recommends /root/debs/*.deb && rm -r /root/debs'
  await nodeExec(node, ['env', 'DEBIAN_FRONTEND=noninteractive', 'sh', '-euc', install])
}

/** Makes a node's Docker keep its images in containerd's content store, as later versions of Docker do by themselves. */
export async function useContainerdStore(node: string): Promise<void> {
  const settings = JSON.stringify({ features: { 'containerd-snapshotter': true } })
  const script = 'printf %s "$1" > /etc/docker/daemon.json && systemctl restart docker'
  await nodeExec(node, ['sh', '-euc', `mkdir -p /etc/docker && ${script}`, 'sh', settings])
}

/** Loads an image of the hub's from a tar that `docker save` made, as `own/spare:1`. */
export async function loadSavedImage(node: string): Promise<void> {
  await run(['sh', '-c', LOAD, 'sh', `mojabox-lab-${node}`])
  await nodeExec(node, ['sh', '-euc', RENAME])
}

const LOAD = 'docker save mojabox-lab/redis:8.0 | docker exec --interactive "$1" docker load'

const RENAME = `
  docker tag mojabox-lab/redis:8.0 own/spare:1
  docker image rm mojabox-lab/redis:8.0`

const OWN_IMAGES = `
  docker create --name own-source own/spare:1
  docker export own-source | docker import --change 'CMD ["redis-server"]' - own/cache:1
  docker rm own-source
  tar --create --files-from /dev/null | docker import - redis:8.0`

/**
 * Gives a node with Docker what its owner has on it: a container with an image and a volume, an image that is the very
 * one that the hub will bring but has another name, and another image under a name that the hub's own has as well.
 */
export async function runOwnContainer(node: string): Promise<void> {
  await loadSavedImage(node)
  await nodeExec(node, ['sh', '-euc', OWN_IMAGES])
  await startOwnContainer(node, 'own/cache:1')
}

/** A container of the owner's with a volume of its own. */
export async function startOwnContainer(node: string, image: string): Promise<void> {
  const lasting = ['--name', 'own-cache', '--restart', 'always', '--volume', 'own-data:/data']
  await nodeExec(node, ['docker', 'run', '--detach', ...lasting, image])
}
