import { readFileSync, writeFileSync } from 'node:fs'
import { stringify } from 'yaml'
import { cachePath } from './cache.ts'
import { docker } from './docker.ts'
import type { ServedImage } from './ledger-images.ts'
import { startDaemon } from './process.ts'
import { waitFor } from './wait.ts'

export interface Registry {
  /** Host and port on loopback, plain HTTP: Docker trusts that without TLS. */
  address: string
}

export const labRegistry: Registry = { address: '127.0.0.1:5077' }

/** Starts Debian's docker-registry, detached, with its blobs in the cache folder; does nothing when it answers. */
export async function ensureRegistry(): Promise<Registry> {
  if (await registryAnswers().catch(() => false)) return labRegistry
  const configPath = cachePath('registry.yml')
  writeFileSync(
    configPath,
    stringify({
      version: '0.1',
      log: { level: 'warn' },
      storage: { filesystem: { rootdirectory: cachePath('registry') }, delete: { enabled: true } },
      http: { addr: labRegistry.address },
    }),
  )
  startDaemon(['docker-registry', 'serve', configPath], { logPath: cachePath('registry.log'), pidPath })
  await waitFor(`the registry (see ${cachePath('registry.log')})`, registryAnswers, { timeoutMs: 15_000 })
  return labRegistry
}

const pidPath = cachePath('registry.pid')

/** Ends the registry that `ensureRegistry` started; its blobs stay in the cache. @returns whether there was one. */
export function stopRegistry(): boolean {
  try {
    const pid = Number(readFileSync(pidPath, 'utf8'))
    // A stale file may name somebody else's process by now.
    if (!readFileSync(`/proc/${pid}/cmdline`, 'utf8').startsWith('docker-registry\0')) return false
    return process.kill(pid)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    return false
  }
}

/**
 * Makes the registry serve a local image under its upstream name.
 *
 * @returns whether it had to be pushed.
 */
export async function ensureServed({ image, repository, tag }: ServedImage): Promise<boolean> {
  const reference = `${labRegistry.address}/${repository}`
  const served = await servedDigest(repository, tag)
  const pushed = await docker(['image', 'inspect', '--format', '{{json .RepoDigests}}', image.tag])
  if (served !== undefined && pushed.includes(`"${reference}@${served}"`)) return false
  await docker(['tag', image.tag, `${reference}:${tag}`])
  await docker(['push', '--quiet', `${reference}:${tag}`])
  return true
}

/** Media types without which a registry converts the manifest, whose digest then differs from the one pushed. */
const manifestTypes = [
  'application/vnd.docker.distribution.manifest.v2+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
].join(', ')

async function servedDigest(repository: string, tag: string): Promise<string | undefined> {
  const response = await fetch(`http://${labRegistry.address}/v2/${repository}/manifests/${tag}`, {
    method: 'HEAD',
    headers: { accept: manifestTypes },
  })
  return (response.ok && response.headers.get('docker-content-digest')) || undefined
}

async function registryAnswers(): Promise<boolean> {
  const response = await fetch(`http://${labRegistry.address}/v2/`, { signal: AbortSignal.timeout(2000) })
  return response.ok
}
