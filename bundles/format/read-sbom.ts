import type { Component } from './cyclonedx.ts'
import { Bom, PROPERTIES, propertiesOf } from './cyclonedx.ts'
import { MojaboxError } from './error.ts'
import type { Descriptor } from './manifest.ts'
import { nearestNames } from './nearest.ts'
import type { OpenBundle } from './open.ts'
import { jsonReader, readSmallBlob } from './read-artifact.ts'
import { parseIndex, parseManifest } from './read-document.ts'

/** A document has some 150 bytes for each package. */
const MAX_BYTES = 256 * 1024 * 1024

/** A CycloneDX document: its very bytes, and what they say. */
export interface Sbom {
  text: string
  bom: Bom
}

/** The SBOM of the whole bundle. @throws MojaboxError `sbom-missing`, `bundle-corrupt`, `blob-corrupt` */
export async function readSbom(bundle: OpenBundle): Promise<Sbom> {
  const [whole] = await documentsOf(bundle)
  if (whole === undefined) throw corrupt(bundle, 'an index without documents')
  return await documentIn(bundle, whole)
}

/**
 * The images of a bundle's SBOM that have this name, one for each platform.
 * @throws MojaboxError `image-not-in-bundle`, kind usage
 */
export function imagesNamed({ components }: Bom, name: string): Component[] {
  const images = components.filter(({ type }) => type === 'container')
  const found = images.filter((image) => image.name === name)
  if (found.length > 0) return found
  const names = [...new Set(images.map((image) => image.name))]
  const near = [...names.filter((known) => known.includes(name)), ...nearestNames(name, names)]
  throw new MojaboxError({
    code: 'image-not-in-bundle',
    kind: 'usage',
    message: `reading the SBOM: the bundle has no image ${name}`,
    found: name,
    needed: near.length > 0 ? `did you mean ${near[0]}?` : 'the full name of one of its images',
    next: near.length > 0 ? `--image ${near[0]}` : 'see the names: mojabox bundle sbom FILE',
  })
}

/** The documents about one image, each of a platform. @throws as `imagesNamed` and `readSbom` do */
export async function readImageSboms(bundle: OpenBundle, name: string): Promise<Sbom[]> {
  const wanted = imagesNamed((await readSbom(bundle)).bom, name).map((image) => image['bom-ref'])
  const [, ...others] = await documentsOf(bundle)
  const found = new Map<string, Sbom>()
  for (const descriptor of others) {
    const sbom = await documentIn(bundle, descriptor)
    const about = sbom.bom.metadata.component['bom-ref'] ?? ''
    // An image in Docker's form is the subject of one, its OCI form of the other.
    if (wanted.includes(about)) found.set(about, sbom)
  }
  return [...found.values()]
}

/** Manifests of documents: the whole bundle's first, then those of images. */
async function documentsOf(bundle: OpenBundle): Promise<Descriptor[]> {
  const artifact = bundle.manifest.artifacts.find(({ kind }) => kind === 'sbom')
  if (artifact === undefined) {
    throw new MojaboxError({
      code: 'sbom-missing',
      kind: 'bundle',
      message: `reading the SBOM of ${bundle.path}: it has none`,
      found: 'a bundle of an earlier version of mojabox, or of a lock of one',
      needed: 'a bundle with an SBOM',
      next: 'build it again, without --lock: mojabox bundle build SPEC -o FILE',
    })
  }
  const { descriptor } = artifact
  return parseIndex(await jsonReader(bundle)(descriptor), descriptor.digest).manifests
}

async function documentIn(bundle: OpenBundle, descriptor: Descriptor): Promise<Sbom> {
  const { layers } = parseManifest(await jsonReader(bundle)(descriptor), descriptor.digest)
  const [layer] = layers
  if (layer === undefined) throw corrupt(bundle, 'a manifest without a document')
  const text = (await readSmallBlob(bundle, layer.digest, MAX_BYTES)).toString('utf8')
  const parsed = Bom.safeParse(jsonOf(text))
  if (!parsed.success) throw corrupt(bundle, `a document that is none: ${parsed.error.issues[0]?.path.join('.')}`)
  return { text, bom: parsed.data }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function corrupt({ path }: OpenBundle, found: string): MojaboxError {
  return new MojaboxError({
    code: 'bundle-corrupt',
    kind: 'bundle',
    message: `reading the SBOM of ${path}`,
    found,
    needed: 'CycloneDX documents as mojabox writes them',
    next: 'copy the bundle again, or build it again',
  })
}

/** `linux/amd64`, or empty. */
export function platformOf(component: Component): string {
  return propertiesOf(component, PROPERTIES.platform)[0] ?? ''
}
