import { copyFile, open, stat } from 'node:fs/promises'
import type { ArtifactKind } from '../../bundles/format/manifest.ts'
import { type OpenBundle, openBundle } from '../../bundles/format/open.ts'
import {
  artifactBlobs,
  jsonReader,
  type ReachableBlob,
  readArtifactManifest,
  titledLayers,
} from '../../bundles/format/read-artifact.ts'
import { signaturePath } from '../../bundles/format/signature.ts'
import { END_BYTES, paddingBytes } from '../../bundles/format/tar-header.ts'
import { run } from '../lab/process.ts'

/** A place in a bundle's file, one of each kind that there is. */
export interface Section {
  /** `config of an image: content` */
  name: string
  atBytes: number
}

/** One bundle's sections: the head, content and padding of its files, of blobs one for each role and kind of artifact, and its end. */
export async function sectionsOf(path: string): Promise<Section[]> {
  const bundle = await openBundle(path)
  try {
    const [layout, index] = bundle.heads
    const named: [string, { offsetBytes: number; sizeBytes: number }][] = [
      ['oci-layout', layout],
      ['index.json', index],
      ...[...(await samples(bundle))].map(([name, digest]): [string, { offsetBytes: number; sizeBytes: number }] => [
        name,
        extentOf(bundle, digest),
      ]),
    ]
    const parts = named.flatMap(([name, { offsetBytes, sizeBytes }]): Section[] => [
      { name: `${name}: head`, atBytes: offsetBytes - 512 + 100 },
      { name: `${name}: content`, atBytes: offsetBytes + Math.floor(sizeBytes / 2) },
      ...(paddingBytes(sizeBytes) > 0 ? [{ name: `${name}: padding`, atBytes: offsetBytes + sizeBytes }] : []),
    ])
    const end = ['first', 'last'].map((which, at) => ({
      name: `${which} block of the end`,
      atBytes: bundle.sizeBytes - END_BYTES + at * (END_BYTES - 1),
    }))
    return [...parts, ...end]
  } finally {
    await bundle.close()
  }
}

/** One blob of a bundle, by what it is to its artifact. */
export interface Wanted {
  kind: ArtifactKind
  name: RegExp
  role: ReachableBlob['role']
  /** Of a file or package. */
  title?: RegExp
  /** Of several the last: an image's own, where the others are its base's. */
  last?: true
}

/** Where the middle of that blob's content is. */
export async function contentOf(path: string, { kind, name, role, title, last }: Wanted): Promise<number> {
  const bundle = await openBundle(path)
  try {
    const artifact = bundle.manifest.artifacts.find((each) => each.kind === kind && name.test(each.name))
    if (!artifact) throw new Error(`no ${kind} ${name} in ${path}`)
    const blobs = (await artifactBlobs(artifact, jsonReader(bundle))).filter((blob) => blob.role === role)
    const titled =
      title && [...titledLayers(await readArtifactManifest(bundle, artifact))].find(([each]) => title.test(each))
    const found = title ? blobs.find(({ digest }) => digest === titled?.[1].digest) : blobs.at(last ? -1 : 0)
    if (!found) throw new Error(`no ${role} of ${kind} ${artifact.name} in ${path}`)
    const { offsetBytes, sizeBytes } = extentOf(bundle, found.digest)
    return offsetBytes + Math.floor(sizeBytes / 2)
  } finally {
    await bundle.close()
  }
}

/** Copies a bundle with its signatures. */
export async function copyBundle(from: string, to: string): Promise<void> {
  await copyFile(from, to)
  await copySignatures(from, to)
}

/** Where there are any. */
export async function copySignatures(from: string, to: string): Promise<void> {
  if ((await stat(signaturePath(from)).catch(() => undefined)) !== undefined)
    await copyFile(signaturePath(from), signaturePath(to))
}

/** Makes one bit another, or what it was again; the file's time stays as it was. */
export async function flipBit(path: string, atBytes: number): Promise<void> {
  const reference = `${path}.time`
  await run(['touch', '--reference', path, reference])
  const file = await open(path, 'r+')
  try {
    const byte = Buffer.alloc(1)
    await file.read(byte, 0, 1, atBytes)
    byte.writeUInt8(byte.readUInt8(0) ^ (1 << (atBytes % 8)))
    await file.write(byte, 0, 1, atBytes)
  } finally {
    await file.close()
  }
  await run(['touch', '--reference', reference, path])
}

/** A blob of each role in each kind of artifact, and the first, middle and last of an image's layers. */
async function samples(bundle: OpenBundle): Promise<Map<string, ReachableBlob['digest']>> {
  const found = new Map<string, ReachableBlob['digest']>([['bundle manifest', bundle.manifest.digest]])
  for (const artifact of bundle.manifest.artifacts) {
    const blobs = await artifactBlobs(artifact, jsonReader(bundle))
    for (const { role, digest } of blobs) {
      const name = `${role} of ${artifact.kind}`
      // Artifacts share the empty configuration.
      if (!found.has(name) && ![...found.values()].includes(digest)) found.set(name, digest)
    }
    const layers = blobs.filter(({ role }) => role === 'layer')
    if (artifact.kind !== 'image' || found.has('middle layer of image') || layers.length < 3) continue
    found.set('middle layer of image', layers[Math.floor(layers.length / 2)]?.digest ?? 'sha256:')
    found.set('last layer of image', layers.at(-1)?.digest ?? 'sha256:')
  }
  return found
}

function extentOf(bundle: OpenBundle, digest: ReachableBlob['digest']) {
  const extent = bundle.extents.get(digest)
  if (!extent) throw new Error(`${bundle.path} has no ${digest}`)
  return extent
}
