import { digestOf } from '../../format/digest.ts'
import { MojaboxError } from '../../format/error.ts'
import { jsonBytes } from '../../format/json-bytes.ts'
import { type Descriptor, OciIndex, type Platform } from '../../format/manifest.ts'
import { platformText, samePlatform } from '../../format/read-artifact.ts'
import { parseJson } from '../../format/read-document.ts'
import { type RawManifest, unsupported } from './origin.ts'

/** What of an image is carried: one platform's manifest as it is upstream, or an index of the platforms asked for. */
export type Carried =
  | { kind: 'manifest'; descriptor: Descriptor }
  | { kind: 'index'; index: RawManifest; descriptors: Descriptor[] }

/**
 * Chooses the platforms asked for. One: its manifest, whose digest stays what it is upstream. Several: the index
 * without the others, its entries as they are upstream.
 * @throws MojaboxError `platform-missing`, `image-unsupported`
 */
export function choosePlatforms(name: string, { descriptor, bytes }: RawManifest, platforms: Platform[]): Carried {
  // As they are upstream, with what the schema does not know.
  const json = parseJson(bytes) as { manifests: unknown[] }
  const parsed = OciIndex.safeParse(json)
  if (!parsed.success) throw unsupported(name, 'an index of another form')
  const { manifests } = parsed.data
  const chosen = platforms.map((platform) => {
    const position = manifests.findIndex((entry) => samePlatform(entry.platform, platform))
    const found = manifests[position]
    if (found === undefined)
      throw platformMissing(
        name,
        manifests.map(({ platform }) => platform),
        platform,
      )
    return { position, descriptor: found }
  })
  const [first] = chosen
  if (chosen.length === 1 && first !== undefined) return { kind: 'manifest', descriptor: first.descriptor }
  const kept = new Set(chosen.map(({ position }) => position))
  const pruned = jsonBytes({
    ...json,
    manifests: json.manifests.filter((_, position) => kept.has(position)),
  })
  const index = {
    descriptor: { mediaType: descriptor.mediaType, digest: digestOf(pruned), size: pruned.length },
    bytes: pruned,
  }
  return { kind: 'index', index, descriptors: manifests.filter((_, position) => kept.has(position)) }
}

export function platformMissing(name: string, found: (Platform | undefined)[], needed: Platform): MojaboxError {
  const texts = found.flatMap((platform) =>
    platform === undefined || platform.os === 'unknown' ? [] : [platformText(platform)],
  )
  return new MojaboxError({
    code: 'platform-missing',
    kind: 'usage',
    message: `getting ${name}: it does not exist for ${platformText(needed)}`,
    found: texts.join(', ') || 'no platform',
    needed: platformText(needed),
    next: 'build for other platforms (--platform), or name an image that has this one',
  })
}

/** An image that does not exist for a platform. */
export interface WithoutPlatform {
  name: string
  error: MojaboxError
}

/**
 * All of them in one error, so that nobody learns of one after the other.
 * @param others profiles that do without these images
 */
export function platformsMissing(images: readonly WithoutPlatform[], others: readonly string[]): MojaboxError {
  const [only] = images
  if (only !== undefined && images.length === 1 && others.length === 0) return only.error
  const needed = [...new Set(images.map(({ error }) => error.facts.needed))].join(', ')
  return new MojaboxError({
    code: 'platform-missing',
    kind: 'usage',
    message: `getting images: ${images.length} do not exist for ${needed}: ${images.map(({ name }) => name).join(', ')}`,
    found: images.map(({ name, error }) => `${name}: ${error.facts.found}`).join('; '),
    needed,
    next:
      others.length > 0
        ? `name images that have it, or build profiles that do without these: --profile ${others.join(' --profile ')}`
        : 'build for other platforms (--platform), or name images that have this one',
  })
}
