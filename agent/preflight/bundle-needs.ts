import { MojaboxError } from '../../bundles/format/error.ts'
import type { Artifact, BundleManifest } from '../../bundles/format/manifest.ts'
import type { DockerFacts } from '../contract/facts.ts'
import { NODE_PATHS } from '../contract/paths.ts'
import type { DiskNeed } from './requirements.ts'

const DOCKER_ROOT = '/var/lib/docker'
const PROGRAMS = '/usr'
/** Images in small files: measured 10 to 40 kB a file; the store's and the databases' files are few. */
const BYTES_PER_INODE = 32 * 1024
/** The paths whose facts `bundleNeeds` counts on, for `collectFacts`. */
export const DISK_PATHS: readonly string[] = [NODE_PATHS.root, DOCKER_ROOT, PROGRAMS]

/** One layer of an image as its manifest lists it. */
interface Layer {
  digest: string
  size: number
}

export interface BundleNeedsInput {
  manifest: BundleManifest
  /** The profile's images, full references. */
  images: readonly string[]
  /** Of these, what the node has already. */
  present: readonly string[]
  /** The images' layers by name: what several share is then counted once. Without it each image counts whole. */
  layers?: ReadonlyMap<string, readonly Layer[]>
  architecture: string
  docker: DockerFacts | null
  /** Whose packages will be installed; undefined when Docker is there. */
  distribution: string | undefined
  /** What the profile's volumes grow to. */
  dataBytes: number
  /** What the store still has to take in. */
  storeBytes: number
  /** Of layers that Docker is handed as tars: it keeps each until it is unpacked. */
  tarBytes: number
}

/**
 * What an install will put on the node's disks, and where; what is there already is not counted.
 * @throws MojaboxError `image-not-in-bundle`
 */
export function bundleNeeds(input: BundleNeedsInput): DiskNeed[] {
  const { docker, manifest, distribution, architecture } = input
  const hubThere = (docker?.containers?.ours ?? 0) > 0
  const rootDir = docker?.rootDir ?? DOCKER_ROOT
  const imagesPath = docker?.imageStore === 'containerd' ? '/var/lib/containerd' : rootDir
  const imageBytes = Math.ceil(unpackedImageBytes(input) * runtimeFactor(docker))
  const packages = manifest.artifacts.find(
    (one) => one.kind === 'packages' && one.name === distribution && fits(one, architecture),
  )
  const needs = [
    need(imagesPath, imageBytes, 'images', BYTES_PER_INODE),
    need(rootDir, input.tarBytes, 'layers on their way', 1024 * 1024),
    need(rootDir, hubThere ? 0 : input.dataBytes, 'data', 1024 * 1024),
    need(NODE_PATHS.root, input.storeBytes, 'store', 1024 * 1024),
    need(PROGRAMS, packages?.unpackedBytes ?? 0, 'packages', BYTES_PER_INODE),
  ]
  return needs.filter((one) => one.bytes > 0)
}

/**
 * Disk taken per byte of unpacked image: measured 1 270 MB for 1 063 in Docker's own store and 1 579 in containerd's,
 * which keeps the compressed layers too. vfs copies every layer's whole content again; 4 stands for a few layers.
 */
export function runtimeFactor(docker: DockerFacts | null): number {
  if (docker?.storageDriver === 'vfs') return 4
  return docker?.imageStore === 'containerd' ? 1.5 : 1.2
}

function need(path: string, bytes: number, purpose: string, bytesPerInode: number): DiskNeed {
  return { path, bytes, inodes: Math.ceil(bytes / bytesPerInode), purpose }
}

function unpackedImageBytes({ manifest, images, present, layers, architecture }: BundleNeedsInput): number {
  const there = new Set(present)
  const known = new Set([...there].flatMap((name) => (layers?.get(name) ?? []).map((layer) => layer.digest)))
  let total = 0
  for (const name of new Set(images)) {
    if (there.has(name)) continue
    const artifact = imageOf(manifest, name, architecture)
    const own = layers?.get(name) ?? []
    const compressed = own.reduce((sum, layer) => sum + layer.size, 0)
    if (compressed === 0) {
      total += artifact.unpackedBytes
      continue
    }
    // Manifests tell compressed sizes only: a layer's share of the whole is taken to be the same unpacked.
    for (const layer of own) {
      if (!known.has(layer.digest)) total += (artifact.unpackedBytes * layer.size) / compressed
      known.add(layer.digest)
    }
  }
  return total
}

function imageOf(manifest: BundleManifest, name: string, architecture: string): Artifact {
  const found = manifest.artifacts.find((one) => one.kind === 'image' && one.name === name && fits(one, architecture))
  if (found) return found
  throw new MojaboxError({
    code: 'image-not-in-bundle',
    kind: 'bundle',
    message: `computing disk space: the bundle has no image ${name} for ${architecture}`,
    found:
      manifest.artifacts
        .filter((one) => one.kind === 'image')
        .map((one) => one.name)
        .join(', ') || 'no images',
    needed: name,
    next: 'build the bundle for this profile and architecture: mojabox bundle build',
  })
}

function fits({ platform }: Artifact, architecture: string): boolean {
  return platform === undefined || platform.architecture === architecture
}
