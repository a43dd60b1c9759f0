import { createHash } from 'node:crypto'
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { parse } from 'yaml'
import { BUNDLE_KEY } from '../../../scripts/lab/artifacts.ts'
import type { Desk } from './desk.ts'

const DEPLOYMENT = join(import.meta.dirname, '..', '..', '..', 'bundles', 'core-test-harness')
const PROFILE = 'central-ledger'

/** Builds a bundle whose images, empty ones, are for linux/arm64 only; returns its path. */
export async function buildForeignBundle(desk: Desk): Promise<string> {
  const layout = join(desk.folder, 'arm64-image')
  await writeLayout(layout)
  const { images, profiles } = await shippedSpec()
  const keys = profiles[PROFILE] ?? []
  const spec = {
    format: 1,
    deployment: 'core-test-harness',
    version: '2.15.1',
    platforms: ['linux/arm64'],
    images,
    profiles: { [PROFILE]: keys },
    files: [
      {
        name: 'core-test-harness',
        paths: ['deployment.yaml', 'services', 'config'],
        asJson: ['deployment.yaml', 'services'],
      },
    ],
    executables: {},
    archives: {},
    distributions: {},
  }
  const folder = join(desk.folder, 'arm64-spec')
  await mkdir(folder)
  for (const path of ['deployment.yaml', 'services', 'config'])
    await cp(join(DEPLOYMENT, path), join(folder, path), { recursive: true })
  await writeFile(join(folder, 'bundle.yaml'), JSON.stringify(spec))
  const path = join(desk.folder, 'arm64.tar')
  const built = await desk.run([
    'bundle',
    'build',
    folder,
    '-o',
    path,
    '--no-executables',
    '--key',
    BUNDLE_KEY,
    ...keys.flatMap((key) => ['--image', `${images[key]}=${layout}`]),
  ])
  if (built.code !== 0) throw new Error(built.stderr)
  return path
}

async function shippedSpec(): Promise<{ images: Record<string, string>; profiles: Record<string, string[]> }> {
  return parse(await readFile(join(DEPLOYMENT, 'bundle.yaml'), 'utf8'))
}

/** An OCI layout with one image of one empty layer. */
async function writeLayout(folder: string): Promise<void> {
  await mkdir(join(folder, 'blobs', 'sha256'), { recursive: true })
  const put = async (mediaType: string, bytes: Buffer) => {
    const hex = createHash('sha256').update(bytes).digest('hex')
    await writeFile(join(folder, 'blobs', 'sha256', hex), bytes)
    return { mediaType, digest: `sha256:${hex}`, size: bytes.length }
  }
  const json = (value: unknown) => Buffer.from(JSON.stringify(value))
  const emptyTar = Buffer.alloc(1024)
  const diffId = `sha256:${createHash('sha256').update(emptyTar).digest('hex')}`
  const rootfs = { type: 'layers', diff_ids: [diffId] }
  const layer = await put('application/vnd.oci.image.layer.v1.tar+gzip', gzipSync(emptyTar))
  const config = await put(
    'application/vnd.oci.image.config.v1+json',
    json({ architecture: 'arm64', os: 'linux', config: {}, rootfs }),
  )
  const mediaType = 'application/vnd.oci.image.manifest.v1+json'
  const manifest = await put(mediaType, json({ schemaVersion: 2, mediaType, config, layers: [layer] }))
  const platform = { architecture: 'arm64', os: 'linux' }
  await writeFile(join(folder, 'index.json'), json({ schemaVersion: 2, manifests: [{ ...manifest, platform }] }))
  await writeFile(join(folder, 'oci-layout'), json({ imageLayoutVersion: '1.0.0' }))
}
