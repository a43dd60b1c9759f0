import { resolve } from 'node:path'
import { digestOf } from '../../format/digest.ts'
import { type Descriptor, OciIndex } from '../../format/manifest.ts'
import { parseJson } from '../../format/read-document.ts'
import type { Cache, OpenOrigin } from '../cache.ts'
import { convertDockerArchive, DockerArchiveIndex } from './docker-archive.ts'
import { type FileTree, localImageInvalid, openFileTree, readWhole } from './file-tree.ts'
import type { ImageOrigin, RawManifest } from './origin.ts'
import { fullName, parseReference } from './reference.ts'

/** An image in an OCI layout (as it is) or in what `docker save` wrote (its layers compressed), folder or tar. */
export function localOrigin(
  name: string,
  path: string,
  folder: string,
  cache: Cache,
  signal: AbortSignal,
): ImageOrigin {
  const fullPath = resolve(folder, path)
  let opened: Promise<ImageOrigin> | undefined
  const origin = (): Promise<ImageOrigin> => {
    opened ??= openLocal(name, fullPath, cache, signal)
    return opened
  }
  return {
    top: async () => (await origin()).top(),
    manifest: async (descriptor) => (await origin()).manifest(descriptor),
    blob: (descriptor) => async (offsetBytes) => (await origin()).blob(descriptor)(offsetBytes),
  }
}

async function openLocal(name: string, path: string, cache: Cache, signal: AbortSignal): Promise<ImageOrigin> {
  const tree = await openFileTree(path)
  // `docker save` of today writes both; its layers are not compressed, so its own form is read.
  const archive = await readJson(tree, 'manifest.json')
  const parsed = DockerArchiveIndex.safeParse(archive)
  if (parsed.success) {
    const image = parsed.data.find(({ RepoTags }) => RepoTags?.some((tag) => fullName(tag) === name))
    if (image === undefined)
      throw localImageInvalid(
        path,
        `images ${parsed.data.flatMap(({ RepoTags }) => RepoTags ?? []).join(', ') || 'without names'}, not ${name}`,
      )
    const converted = await convertDockerArchive({ tree, image, path, cache, signal })
    return fixedOrigin(path, [converted], () => async () => {
      throw localImageInvalid(path, 'a blob that is not in the cache any more')
    })
  }
  return await layoutOrigin(name, path, tree)
}

async function layoutOrigin(name: string, path: string, tree: FileTree): Promise<ImageOrigin> {
  const index = OciIndex.safeParse(await readJson(tree, 'index.json'))
  if (!index.success) throw localImageInvalid(path, 'neither index.json nor manifest.json')
  const descriptor = chooseEntry(name, path, index.data.manifests)
  const blobPath = ({ digest }: Descriptor): string => `blobs/sha256/${digest.slice(7)}`
  const read = async (wanted: Descriptor): Promise<RawManifest> => {
    const bytes = await readWhole(tree, blobPath(wanted))
    if (bytes === undefined || digestOf(bytes) !== wanted.digest)
      throw localImageInvalid(path, `a missing or damaged ${wanted.digest}`)
    return { descriptor: wanted, bytes }
  }
  const blob =
    (wanted: Descriptor): OpenOrigin =>
    async (startBytes) => {
      if ((await tree.sizeOf(blobPath(wanted))) === undefined) throw localImageInvalid(path, `no ${wanted.digest}`)
      return { startBytes, stream: tree.read(blobPath(wanted), startBytes) }
    }
  return { top: () => read(descriptor), manifest: read, blob }
}

/** By full name; by tag where the layout keeps only that; the only one where there is one. */
function chooseEntry(name: string, path: string, manifests: Descriptor[]): Descriptor {
  const tag = parseReference(name)?.tag
  const named = (key: string, wanted: string | undefined) =>
    manifests.find(({ annotations }) => wanted !== undefined && annotations?.[key] === wanted)
  const ref = 'org.opencontainers.image.ref.name'
  const only = manifests.length === 1 ? manifests[0] : undefined
  const found = named('io.containerd.image.name', name) ?? named(ref, name) ?? named(ref, tag) ?? only
  if (found !== undefined) return found
  const names = manifests.map(({ annotations }) => annotations?.[ref] ?? 'one without a name')
  throw localImageInvalid(path, `images ${names.join(', ')}, not ${name}`)
}

function fixedOrigin(path: string, manifests: RawManifest[], blob: ImageOrigin['blob']): ImageOrigin {
  const find = async (descriptor: Descriptor | undefined): Promise<RawManifest> => {
    const found = manifests.find((entry) => descriptor === undefined || entry.descriptor.digest === descriptor.digest)
    if (found === undefined) throw localImageInvalid(path, `an image with another digest than ${descriptor?.digest}`)
    return found
  }
  return { top: () => find(undefined), manifest: find, blob }
}

async function readJson(tree: FileTree, path: string): Promise<unknown> {
  const bytes = await readWhole(tree, path)
  return bytes && parseJson(bytes)
}
