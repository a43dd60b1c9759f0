import { readFile } from 'node:fs/promises'
import { z } from 'zod'
import { MojaboxError } from '../format/error.ts'
import { Digest, Platform } from '../format/manifest.ts'

const Pin = z.strictObject({ mediaType: z.string(), digest: Digest, size: z.number().int().nonnegative() })

/** An image: what its name stood for, and what of it is carried. */
export const LockedImage = z.strictObject({
  source: z.literal('oci'),
  name: z.string(),
  platforms: z.array(Platform),
  upstream: Pin,
  carried: Pin,
  /** Their compression, where it is not what the registry has. */
  layers: z.literal('zstd').optional(),
})
export type LockedImage = z.infer<typeof LockedImage>

/** The packages of one distribution and architecture. */
export const LockedPackages = z.strictObject({
  source: z.literal('deb'),
  distribution: z.string(),
  architecture: z.string(),
  install: z.array(z.string()),
  packages: z.array(
    z.strictObject({
      archive: z.string(),
      /** Path in the archive. */
      path: z.string(),
      size: z.number().int(),
      digest: Digest,
      /** Its stanza in the generated `Packages`, but for file name, size and digest. */
      control: z.record(z.string(), z.string()),
    }),
  ),
})
export type LockedPackages = z.infer<typeof LockedPackages>

export const LockedFiles = z.strictObject({
  source: z.literal('file'),
  kind: z.literal('files'),
  name: z.string(),
  files: z.array(
    z.strictObject({
      path: z.string(),
      size: z.number().int(),
      digest: Digest,
      /** In place of the YAML that the file is. */
      form: z.literal('json').optional(),
    }),
  ),
})
export type LockedFiles = z.infer<typeof LockedFiles>

export const LockedExecutable = z.strictObject({
  source: z.literal('file'),
  kind: z.literal('executable'),
  platform: Platform,
  size: z.number().int(),
  digest: Digest,
  /** Of the same, compressed. */
  compressed: z.strictObject({ size: z.number().int(), digest: Digest }),
})
export type LockedExecutable = z.infer<typeof LockedExecutable>

export const LockedArtifact = z.union([LockedImage, LockedPackages, LockedFiles, LockedExecutable])
export type LockedArtifact = z.infer<typeof LockedArtifact>

/** A spec resolved to digests: building from it gives the same bundle, byte for byte. */
export const Lock = z.strictObject({
  format: z.literal(1),
  deployment: z.string(),
  version: z.string(),
  profiles: z.array(z.string()),
  /** Digest of the bundle manifest that was built. */
  bundle: Digest,
  artifacts: z.array(LockedArtifact),
  /** The version of mojabox that the SBOM is by; locks of before there was one have none, and give none. */
  sbom: z.strictObject({ mojabox: z.string() }).optional(),
})
export type Lock = z.infer<typeof Lock>

/** @throws MojaboxError `lock-invalid` */
export async function readLock(path: string): Promise<Lock> {
  let found: string
  try {
    const parsed = Lock.safeParse(JSON.parse(await readFile(path, 'utf8')))
    if (parsed.success) return parsed.data
    const [issue] = parsed.error.issues
    found = `${issue?.path.join('.')}: ${issue?.message}`
  } catch (error) {
    found = error instanceof Error ? error.message : String(error)
  }
  throw new MojaboxError({
    code: 'lock-invalid',
    kind: 'usage',
    message: `reading ${path}: cannot be read as a lock`,
    found,
    needed: 'the file that `bundle build` wrote beside the bundle',
    next: 'name that file, or build without --lock to resolve the spec anew',
  })
}

export function lockText(lock: Lock): string {
  return `${JSON.stringify(lock, undefined, 2)}\n`
}
