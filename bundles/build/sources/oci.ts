import { MojaboxError } from '../../format/error.ts'
import { type Descriptor, Platform } from '../../format/manifest.ts'
import { isIndex, SMALL_BLOB_BYTES, samePlatform } from '../../format/read-artifact.ts'
import { parseJson } from '../../format/read-document.ts'
import type { LockedImage } from '../lock.ts'
import { ensureBlob, fetchImage, parseManifest } from '../oci/fetch-image.ts'
import { localOrigin } from '../oci/local-origin.ts'
import { type ImageOrigin, type RawManifest, unsupported } from '../oci/origin.ts'
import { choosePlatforms, platformMissing, platformsMissing, type WithoutPlatform } from '../oci/platforms.ts'
import { registryOrigin } from '../oci/registry-origin.ts'
import type { BuildContext, Source } from '../source.ts'
import type { Spec } from '../spec.ts'

/** Images: from a registry, an OCI layout, or a `docker save` archive. */
export const ociSource: Source<LockedImage> = {
  async resolve(context) {
    const { loaded, selection, limit } = context
    const names = imageNames(loaded.spec, selection.profiles)
    const found = await Promise.all(
      names.map((name) => limit(() => resolveImage(name, context).catch(onlyMissing(name)))),
    )
    const missing = found.filter((image) => 'error' in image)
    if (missing.length > 0) throw platformsMissing(missing, profilesWithout(loaded.spec, missing))
    return found.flatMap((image) => ('error' in image ? [] : [image]))
  },
  fetch: (locked, context) => fetchImage(locked, originOf(locked.name, context), context),
}

/** Another failure ends the build at once. */
function onlyMissing(name: string): (error: unknown) => WithoutPlatform {
  return (error) => {
    if (error instanceof MojaboxError && error.facts.code === 'platform-missing') return { name, error }
    throw error
  }
}

/** Of the spec's profiles: those that have none of these images. */
function profilesWithout(spec: Spec, missing: WithoutPlatform[]): string[] {
  return Object.keys(spec.profiles).filter((profile) =>
    imageNames(spec, [profile]).every((name) => !missing.some((image) => image.name === name)),
  )
}

function imageNames(spec: Spec, profiles: string[]): string[] {
  const keys = profiles.flatMap((profile) => spec.profiles[profile] ?? [])
  const names = keys.flatMap((key) => {
    const image = spec.images[key]
    return image === undefined ? [] : [typeof image === 'string' ? image : image.name]
  })
  return [...new Set(names)].sort()
}

/** A file named on the command line, else one named in the spec, else the registry of the image's name. */
function originOf(name: string, context: BuildContext): ImageOrigin {
  const { loaded, origins, http, credentialsOf, cache, signal } = context
  const named = origins.images[name]
  if (named !== undefined) return localOrigin(name, named, process.cwd(), cache, signal)
  for (const image of Object.values(loaded.spec.images)) {
    if (typeof image !== 'string' && image.name === name) {
      return localOrigin(name, image.from, loaded.folder, cache, signal)
    }
  }
  return registryOrigin(name, { http, credentialsOf, signal, mirrors: origins.mirrors, plainHttp: origins.plainHttp })
}

async function resolveImage(name: string, context: BuildContext): Promise<LockedImage> {
  const { platforms } = context.selection
  const origin = originOf(name, context)
  const top = await origin.top()
  await context.cache.put(top.bytes)
  const { layers } = context.selection
  const base = { source: 'oci' as const, name, platforms, upstream: pin(top.descriptor), ...(layers && { layers }) }
  if (isIndex(top.descriptor)) {
    const chosen = choosePlatforms(name, top, platforms)
    return { ...base, carried: pin(chosen.kind === 'index' ? chosen.index.descriptor : chosen.descriptor) }
  }
  const found = await platformOf(name, top, origin, context)
  const missing = platforms.find((platform) => !samePlatform(found, platform))
  if (missing !== undefined) throw platformMissing(name, [found], missing)
  return { ...base, carried: pin(top.descriptor) }
}

function pin({ mediaType, digest, size }: Descriptor): LockedImage['upstream'] {
  return { mediaType, digest, size }
}

/** What a manifest without an index is for: its configuration says so. */
async function platformOf(
  name: string,
  top: RawManifest,
  origin: ImageOrigin,
  context: BuildContext,
): Promise<Platform> {
  const { config } = parseManifest(name, top.bytes)
  if (config.size > SMALL_BLOB_BYTES) throw unsupported(name, `a configuration of ${config.size} bytes`)
  context.progress.expect(config.size)
  await ensureBlob(name, config, origin, context)
  const chunks: Buffer[] = []
  for await (const chunk of context.cache.read(config.digest)) chunks.push(chunk)
  const parsed = Platform.safeParse(parseJson(Buffer.concat(chunks)))
  if (!parsed.success) throw unsupported(name, 'a configuration that names no platform')
  const { variant, ...platform } = parsed.data
  return variant ? { ...platform, variant } : platform
}
