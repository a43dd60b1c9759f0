import { z } from 'zod'

/** Media types of the OCI image specification 1.1, Docker's older ones, and ours. */
export const MEDIA_TYPES = {
  index: 'application/vnd.oci.image.index.v1+json',
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  dockerList: 'application/vnd.docker.distribution.manifest.list.v2+json',
  dockerManifest: 'application/vnd.docker.distribution.manifest.v2+json',
  empty: 'application/vnd.oci.empty.v1+json',
  blob: 'application/octet-stream',
  zstdTar: 'application/vnd.oci.image.layer.v1.tar+zstd',
  debianPackage: 'application/vnd.debian.binary-package',
  /** How a layer is made of an older one (`layer-patch.ts`). */
  layerPatch: 'application/vnd.mojabox.layer-patch.v1',
} as const

/** `artifactType` of the bundle manifest (an OCI image index) and of the artifacts that are not images. */
export const ARTIFACT_TYPES = {
  bundle: 'application/vnd.mojabox.bundle.v1',
  packages: 'application/vnd.mojabox.packages.v1',
  files: 'application/vnd.mojabox.files.v1',
  executable: 'application/vnd.mojabox.executable.v1',
  sbom: 'application/vnd.mojabox.sbom.v1',
  patches: 'application/vnd.mojabox.layer-patches.v1',
} as const

export const ANNOTATIONS = {
  refName: 'org.opencontainers.image.ref.name',
  title: 'org.opencontainers.image.title',
  version: 'org.opencontainers.image.version',
  deployment: 'org.mojabox.deployment',
  /** On the bundle manifest: the deployment's profiles whose images it carries, separated by commas. */
  profiles: 'org.mojabox.profiles',
  /** On the manifest of a delta: digest of the bundle manifest of its base, which has what it leaves out. */
  base: 'org.mojabox.base',
  kind: 'org.mojabox.kind',
  name: 'org.mojabox.name',
  /** Bytes the artifact takes once unpacked on a node. */
  unpackedBytes: 'org.mojabox.unpacked-bytes',
  /**
   * On an image that its registry keeps in Docker's own form: digest and size of the same manifest in OCI form, which
   * `index.json` names, as other OCI tools find nothing else. Nodes get the image as its registry has it.
   */
  ociDigest: 'org.mojabox.oci-digest',
  ociSize: 'org.mojabox.oci-size',
  /** On a `packages` manifest: the names to install, separated by spaces; the rest are what they depend on. */
  install: 'org.mojabox.install',
  /** On a layer that zstd compressed: digest and size of the tar in it; on an executable's, of its one file. */
  uncompressedDigest: 'org.mojabox.uncompressed-digest',
  uncompressedBytes: 'org.mojabox.uncompressed-bytes',
  /** On a layer's patch: the digest of the layer's blob; diff ID and size of the older layer's tar, and of the layer's. */
  patchLayer: 'org.mojabox.patch.layer',
  patchFrom: 'org.mojabox.patch.from',
  patchFromBytes: 'org.mojabox.patch.from-bytes',
  patchTo: 'org.mojabox.patch.to',
  patchToBytes: 'org.mojabox.patch.to-bytes',
} as const

/** Content address: `sha256:` and 64 lower-case hexadecimal digits. */
export const Digest = z.templateLiteral(['sha256:', z.string().regex(/^[0-9a-f]{64}$/)])
export type Digest = `sha256:${string}`

export const Platform = z.object({
  architecture: z.string(),
  os: z.string(),
  variant: z.string().optional(),
})
export type Platform = z.infer<typeof Platform>

export const Descriptor = z.object({
  mediaType: z.string(),
  digest: Digest,
  size: z.number().int().nonnegative(),
  platform: Platform.optional(),
  artifactType: z.string().optional(),
  annotations: z.record(z.string(), z.string()).optional(),
})
export type Descriptor = z.infer<typeof Descriptor>

/** An OCI image manifest: an image, or one of our artifacts (then `layers` are its files, named by the title annotation). */
export const OciManifest = z.object({
  schemaVersion: z.literal(2),
  mediaType: z.string().optional(),
  artifactType: z.string().optional(),
  config: Descriptor,
  layers: z.array(Descriptor),
  /** What this is about: a registry lists it among that manifest's referrers. */
  subject: Descriptor.optional(),
  annotations: z.record(z.string(), z.string()).optional(),
})
export type OciManifest = z.infer<typeof OciManifest>

export const OciIndex = z.object({
  schemaVersion: z.literal(2),
  mediaType: z.string().optional(),
  artifactType: z.string().optional(),
  manifests: z.array(Descriptor),
  annotations: z.record(z.string(), z.string()).optional(),
})
export type OciIndex = z.infer<typeof OciIndex>

export const ARTIFACT_KINDS = ['image', 'packages', 'files', 'executable', 'sbom', 'patches'] as const
export type ArtifactKind = (typeof ARTIFACT_KINDS)[number]

/**
 * One thing the bundle lists. `name` is an image's full reference (`docker.io/library/redis:8.0`), a distribution
 * (`debian-13`), or a file set's name. The descriptor is a manifest's; for an image carried for several platforms, a pruned index's;
 * for the SBOM, an index of documents; for the patches of a delta's layers, one manifest of all.
 */
export interface Artifact {
  kind: ArtifactKind
  name: string
  platform: Platform | undefined
  unpackedBytes: number
  descriptor: Descriptor
  /** Of an image in Docker's form: the same in OCI form, for other tools only. */
  ociForm?: Descriptor | undefined
}

/** The bundle manifest: an OCI index whose digest is the bundle's identity. */
export interface BundleManifest {
  digest: Digest
  deployment: string
  version: string
  /** The deployment's profiles whose images are carried. */
  profiles: string[]
  /** Of a delta: the bundle that has what this one lists and does not carry. */
  base?: Digest | undefined
  artifacts: Artifact[]
}
