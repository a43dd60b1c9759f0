import { existsSync, mkdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { cachePath } from './cache.ts'
import { docker, labLabel } from './docker.ts'
import { run } from './process.ts'

/**
 * Makes a Docker volume of a fixed size with a filesystem of its own, for a node to fill up. It outlives reboots of the
 * node. Needs root and a loop device.
 *
 * @returns the volume's name, for `docker run --volume`.
 */
export async function createDisk(node: string, sizeBytes: number): Promise<string> {
  await removeDisk(node)
  const imagePath = diskPath(node)
  mkdirSync(dirname(imagePath), { recursive: true })
  writeFileSync(imagePath, '')
  truncateSync(imagePath, sizeBytes)
  await run(['mkfs.ext4', '-q', '-m', '0', imagePath])
  const { stdout } = await run(['losetup', '--find', '--show', imagePath])
  const options = ['type=ext4', `device=${stdout.trim()}`].flatMap((option) => ['--opt', option])
  await docker(['volume', 'create', '--label', labLabel, '--driver', 'local', ...options, volumeName(node)])
  return volumeName(node)
}

/** Removes a node's disk, if it has one; the node itself must be gone. */
export async function removeDisk(node: string): Promise<void> {
  const imagePath = diskPath(node)
  if (!existsSync(imagePath)) return
  await docker(['volume', 'rm', '--force', volumeName(node)])
  const { stdout } = await run(['losetup', '--associated', imagePath, '--noheadings', '--output', 'NAME'])
  for (const device of stdout.split('\n').filter(Boolean)) await run(['losetup', '--detach', device])
  rmSync(imagePath)
}

function diskPath(node: string): string {
  return cachePath('disks', `${node}.ext4`)
}

function volumeName(node: string): string {
  return `mojabox-lab-${node}-disk`
}
