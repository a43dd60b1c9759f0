import { digestOf } from '../../format/digest.ts'
import { MojaboxError } from '../../format/error.ts'
import { type Descriptor, OciIndex, OciManifest } from '../../format/manifest.ts'
import { isIndex } from '../../format/read-artifact.ts'
import { parseJson } from '../../format/read-document.ts'
import type { LockedImage } from '../lock.ts'
import type { BuildContext, CarriedArtifact, CarriedBlob } from '../source.ts'
import { refuseForeignLayers, unpackedBytes } from './layers.ts'
import { ociForm } from './oci-form.ts'
import { type ImageOrigin, type RawManifest, unsupported } from './origin.ts'
import { choosePlatforms } from './platforms.ts'
import { zstdForm } from './zstd-form.ts'

/** An image's manifests, and the index over them where it has one. */
interface Documents {
  index: RawManifest | undefined
  manifests: RawManifest[]
}

/** Brings a locked image into the cache: its manifests, configurations and layers. */
export async function fetchImage(
  locked: LockedImage,
  origin: ImageOrigin,
  context: BuildContext,
): Promise<CarriedArtifact> {
  const { name, platforms, carried } = locked
  const found = await carriedManifests(locked, origin, context)
  const parts = await Promise.all(found.manifests.map((raw) => fetchParts(name, raw, origin, context)))
  const { index, manifests } = locked.layers === 'zstd' ? await zstdForms(found, context) : found
  const forms = await putOciForms(index, manifests, context)
  const documents = [...manifests, ...(index === undefined ? [] : [index]), ...forms.all]
  const [platform] = platforms
  return {
    artifact: {
      kind: 'image',
      name,
      platform: platforms.length === 1 ? platform : undefined,
      // A node unpacks one platform only.
      unpackedBytes: Math.max(...parts.map((part) => part.unpackedBytes)),
      descriptor: locked.layers === 'zstd' ? topOf(index, manifests) : carried,
      ociForm: forms.top,
    },
    blobs: [
      ...documents.map(({ descriptor }) => carriedBlob(descriptor, true)),
      ...manifests.flatMap((raw) => blobsOf(name, raw).map((descriptor) => carriedBlob(descriptor, false))),
    ],
  }
}

/** What of the image's index is carried, checked against the lock; the manifest itself where there is no index. */
async function carriedManifests(
  { name, platforms, upstream, carried }: LockedImage,
  origin: ImageOrigin,
  context: BuildContext,
): Promise<Documents> {
  const top = await manifestOf(upstream, origin, context)
  if (!isIndex(upstream)) return { index: undefined, manifests: [top] }
  const chosen = choosePlatforms(name, top, platforms)
  const index = chosen.kind === 'index' ? chosen.index : undefined
  const descriptors = chosen.kind === 'index' ? chosen.descriptors : [chosen.descriptor]
  const found = (index?.descriptor ?? descriptors[0])?.digest
  if (found !== carried.digest) throw lockDiffers(name, carried.digest, found ?? 'nothing')
  if (index !== undefined) await context.cache.put(index.bytes)
  return { index, manifests: await Promise.all(descriptors.map((entry) => manifestOf(entry, origin, context))) }
}

/** The same with layers compressed by zstd, in the cache. */
async function zstdForms({ index, manifests }: Documents, context: BuildContext): Promise<Documents> {
  const formed = await Promise.all(manifests.map((raw) => zstdForm(raw, context)))
  const replaced = new Map(manifests.map(({ descriptor }, at) => [descriptor.digest, formed[at]?.descriptor]))
  const formedIndex = index && ociForm(index, replaced)
  for (const { bytes } of [...formed, ...(formedIndex ? [formedIndex] : [])]) await context.cache.put(bytes)
  return { index: formedIndex, manifests: formed }
}

function topOf(index: RawManifest | undefined, manifests: RawManifest[]): Descriptor {
  const top = index ?? manifests[0]
  if (top === undefined) throw new Error('an image without manifests')
  return top.descriptor
}

/** Configuration and layers, each once. */
function blobsOf(name: string, { bytes }: RawManifest): Descriptor[] {
  const { config, layers } = parseManifest(name, bytes)
  return [...new Map([config, ...layers].map((blob) => [blob.digest, blob])).values()]
}

/** Brings what one manifest names. */
async function fetchParts(
  name: string,
  raw: RawManifest,
  origin: ImageOrigin,
  context: BuildContext,
): Promise<{ unpackedBytes: number }> {
  const { cache, limit, progress, signal } = context
  const manifest = parseManifest(name, raw.bytes)
  refuseForeignLayers(name, manifest)
  const blobs = blobsOf(name, raw)
  for (const { size } of blobs) progress.expect(size)
  await Promise.all(blobs.map((blob) => limit(() => ensureBlob(name, blob, origin, context))))
  return { unpackedBytes: await limit(() => unpackedBytes(cache, name, manifest.layers, signal)) }
}

/** Brings one blob of an image into the cache. */
export async function ensureBlob(
  name: string,
  blob: Descriptor,
  origin: ImageOrigin,
  { cache, signal, progress }: BuildContext,
): Promise<void> {
  const what = `${blob.digest.slice(0, 19)} of ${name}`
  await cache.ensure(blob.digest, origin.blob(blob), { what, sizeBytes: blob.size, signal, onBytes: progress.arrived })
}

/** Docker's manifests in OCI form beside them, for other tools. */
async function putOciForms(
  index: RawManifest | undefined,
  manifests: RawManifest[],
  { cache }: BuildContext,
): Promise<{ top: Descriptor | undefined; all: RawManifest[] }> {
  const replaced = new Map<string, Descriptor>()
  const all: RawManifest[] = []
  for (const manifest of manifests) {
    const form = ociForm(manifest, new Map())
    if (form === undefined) continue
    replaced.set(manifest.descriptor.digest, form.descriptor)
    all.push(form)
  }
  const indexForm = index && ociForm(index, replaced)
  if (indexForm !== undefined) all.push(indexForm)
  for (const { bytes } of all) await cache.put(bytes)
  return { top: (index === undefined ? all[0] : indexForm)?.descriptor, all }
}

/** From the cache, else from where the image comes from; its digest is checked either way. */
async function manifestOf(descriptor: Descriptor, origin: ImageOrigin, { cache }: BuildContext): Promise<RawManifest> {
  if ((await cache.sizeOf(descriptor.digest)) === descriptor.size) {
    const chunks: Buffer[] = []
    for await (const chunk of cache.read(descriptor.digest)) chunks.push(chunk)
    const bytes = Buffer.concat(chunks)
    if (digestOf(bytes) === descriptor.digest) return { descriptor, bytes }
    await cache.drop(descriptor.digest)
  }
  const raw = await origin.manifest(descriptor)
  await cache.put(raw.bytes)
  return { descriptor, bytes: raw.bytes }
}

/** @throws MojaboxError `image-unsupported` */
export function parseManifest(name: string, bytes: Buffer): OciManifest {
  const json = parseJson(bytes)
  const parsed = OciManifest.safeParse(json)
  if (parsed.success) return parsed.data
  throw unsupported(name, OciIndex.safeParse(json).success ? 'an index within an index' : 'a manifest of another form')
}

function carriedBlob({ digest, size }: Descriptor, isManifest: boolean): CarriedBlob {
  return { digest, sizeBytes: size, isManifest }
}

function lockDiffers(name: string, needed: string, found: string): MojaboxError {
  return new MojaboxError({
    code: 'lock-differs',
    kind: 'usage',
    message: `building ${name} from the lock: it would come out differently`,
    found,
    needed,
    next: 'build without --lock to resolve the spec anew',
  })
}
