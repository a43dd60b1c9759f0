import { execFile } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { mkdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { promisify } from 'node:util'
import { openBundle } from '../../bundles/format/open.ts'
import { readArtifactManifest, titledLayers } from '../../bundles/format/read-artifact.ts'
import { cachePath } from '../../test/lab/cache.ts'

/**
 * Compose v2 for tests on this machine, whose Debian may only have version 1: taken out of the lab's bundle, where it
 * is one of Docker's packages, and left uninstalled.
 * @returns the plugin's path; it runs as a command of its own
 */
export async function composePlugin(bundlePath: string): Promise<string> {
  const folder = cachePath('compose')
  const plugin = join(folder, 'usr', 'libexec', 'docker', 'cli-plugins', 'docker-compose')
  if (await stat(plugin).catch(() => undefined)) return plugin
  const bundle = await openBundle(bundlePath)
  try {
    const artifact = bundle.manifest.artifacts.find(({ kind, name }) => kind === 'packages' && name === 'debian-12')
    if (!artifact) throw new Error(`${bundlePath} has no packages for debian-12`)
    const layers = titledLayers(await readArtifactManifest(bundle, artifact))
    const [, layer] = [...layers].find(([title]) => title.startsWith('docker-compose_')) ?? []
    if (!layer) throw new Error(`${bundlePath} has no docker-compose package`)
    await mkdir(folder, { recursive: true })
    const deb = join(folder, 'docker-compose.deb')
    await pipeline(bundle.read(layer.digest), createWriteStream(deb))
    await promisify(execFile)('dpkg-deb', ['--extract', deb, folder])
    return plugin
  } finally {
    await bundle.close()
  }
}
