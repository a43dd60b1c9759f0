import { createHash } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { gunzipSync, gzipSync } from 'node:zlib'
import type { Descriptor, Digest } from '../../../bundles/format/manifest.ts'
import { openBundle } from '../../../bundles/format/open.ts'
import { jsonReader, readArtifactManifest } from '../../../bundles/format/read-artifact.ts'

/** Words that a release changes, of one length, in files that nothing runs by. */
const [BEFORE, AFTER] = ['Permission is hereby granted', 'PERMISSION IS HEREBY GRANTED']

/** A release of an image after the one that a bundle carries. */
export interface NextRelease {
  /** An OCI image layout, for `bundle build --image`. */
  folder: string
  /** Of its configuration: the image's ID in Docker's own store. */
  id: Digest
  /** Of the layer that has changed, compressed; all others are the same. */
  layerBytes: number
}

/** The same image with another text in the licences that its largest layer has. */
export async function nextRelease(bundlePath: string, name: string, folder: string): Promise<NextRelease> {
  const bundle = await openBundle(bundlePath)
  try {
    const artifact = bundle.manifest.artifacts.find((one) => one.kind === 'image' && one.name === name)
    if (artifact === undefined) throw new Error(`${bundlePath} has no ${name}`)
    const manifest = await readArtifactManifest(bundle, artifact)
    const config = (await jsonReader(bundle)(manifest.config)) as { rootfs: { diff_ids: string[] } }
    const largest = manifest.layers.reduce((one, other) => (other.size > one.size ? other : one))
    const at = manifest.layers.indexOf(largest)
    const blobs = join(folder, 'blobs', 'sha256')
    await mkdir(blobs, { recursive: true })
    const put = async (bytes: Buffer): Promise<Pick<Descriptor, 'digest' | 'size'>> => {
      const hex = createHash('sha256').update(bytes).digest('hex')
      await writeFile(join(blobs, hex), bytes)
      return { digest: `sha256:${hex}`, size: bytes.length }
    }
    for (const layer of manifest.layers) if (layer !== largest) await put(await buffer(bundle.read(layer.digest)))
    const tar = gunzipSync(await buffer(bundle.read(largest.digest)))
    for (let found = tar.indexOf(BEFORE); found >= 0; found = tar.indexOf(BEFORE, found + 1)) tar.write(AFTER, found)
    const layer = await put(gzipSync(tar))
    config.rootfs.diff_ids[at] = `sha256:${createHash('sha256').update(tar).digest('hex')}`
    const id = await put(json(config))
    const layers = manifest.layers.map((one) => (one === largest ? { ...one, ...layer } : one))
    const changed = await put(json({ ...manifest, config: { ...manifest.config, ...id }, layers }))
    const { mediaType } = artifact.descriptor
    await writeFile(join(folder, 'oci-layout'), json({ imageLayoutVersion: '1.0.0' }))
    await writeFile(join(folder, 'index.json'), json({ schemaVersion: 2, manifests: [{ mediaType, ...changed }] }))
    return { folder, id: id.digest, layerBytes: layer.size }
  } finally {
    await bundle.close()
  }
}

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value))
}
