import { randomBytes, randomUUID } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { gzipSync } from 'node:zlib'
import { openCache } from '../../../bundles/build/cache.ts'
import { makePatch } from '../../../bundles/build/patches/make-patch.ts'
import { tarEntries } from '../../../bundles/build/patches/tar-entries.ts'
import { digestOf } from '../../../bundles/format/digest.ts'
import { patchDescriptor } from '../../../bundles/format/layer-patch.ts'
import {
  ARTIFACT_TYPES,
  type Artifact,
  type BundleManifest,
  type Descriptor,
  type Digest,
  MEDIA_TYPES,
} from '../../../bundles/format/manifest.ts'
import { type LayerEntry, layerTar } from '../../unit/bundles/layer-tar.ts'

const ARCHITECTURE = process.arch === 'x64' ? 'amd64' : process.arch

/** Releases of one application, made for one test: each an image, with a patch of its modules over the release before. */
export class Releases {
  readonly blobs = new Map<Digest, Buffer>()
  readonly names: string[] = []
  readonly architecture = ARCHITECTURE
  /** Of the layers, by what they are and their release. */
  readonly layers = new Map<string, Descriptor>()
  readonly #artifacts: Artifact[] = []
  readonly #patches: Descriptor[] = []
  readonly #tars: Buffer[] = []
  readonly #family = `docker.io/mojabox-test/${randomUUID().slice(0, 8)}`
  readonly #base = layerTar({ 'etc/base': randomBytes(30_000).toString('hex') })
  readonly #top = layerTar({ 'opt/app/start.js': randomBytes(40_000).toString('hex') })
  readonly #files: Record<string, LayerEntry> = Object.fromEntries(
    Array.from({ length: 400 }, (_, at) => [
      `opt/app/node_modules/p${at}/index.js`,
      randomBytes(5_000).toString('hex'),
    ]),
  )

  /** The next release: on the same base a layer of modules of which one has changed, and on that the same start script. */
  async release(): Promise<string> {
    const at = this.#tars.length
    this.#files[`opt/app/node_modules/p${at}/index.js`] = randomBytes(5_000).toString('hex')
    const modules = layerTar({ 'opt/app/node_modules': { type: 'Directory' }, ...this.#files })
    const tars = [this.#base, modules, this.#top]
    const layers = tars.map((tar) => this.#layer(tar))
    for (const [kind, layer] of [
      ['base', layers[0]],
      ['modules', layers[1]],
      ['top', layers[2]],
    ] as const)
      if (layer) this.layers.set(`${kind} ${at}`, layer)
    const config = this.#json('application/vnd.oci.image.config.v1+json', {
      architecture: ARCHITECTURE,
      os: 'linux',
      config: { Labels: { 'org.mojabox.test': 'tiny' }, Cmd: ['/none'] },
      rootfs: { type: 'layers', diff_ids: tars.map((tar) => digestOf(tar)) },
    })
    const manifest = { schemaVersion: 2, mediaType: MEDIA_TYPES.manifest, config, layers }
    const platform = { os: 'linux', architecture: ARCHITECTURE }
    const name = `${this.#family}:${at}`
    this.#artifacts.push({
      kind: 'image',
      name,
      platform,
      unpackedBytes: 1,
      descriptor: this.#json(MEDIA_TYPES.manifest, manifest),
    })
    const [older] = this.#tars.slice(-1)
    if (older && layers[1]) this.#patches.push(await this.#patch(older, modules, layers[1].digest))
    this.#tars.push(modules)
    this.names.push(name)
    return name
  }

  /** With the patches; without them it is a bundle that knows none. */
  manifest({ patches = true } = {}): BundleManifest {
    const artifacts = [...this.#artifacts, ...(patches && this.#patches.length > 0 ? [this.#patchArtifact()] : [])]
    return { digest: digestOf('releases'), deployment: 'core-test-harness', version: '1', profiles: [], artifacts }
  }

  read(digest: Digest): Buffer {
    const bytes = this.blobs.get(digest)
    if (!bytes) throw new Error(`no blob ${digest}`)
    return bytes
  }

  /** The blob of the last patch. */
  get patch(): Descriptor {
    const [patch] = this.#patches.slice(-1)
    if (!patch) throw new Error('no patch yet')
    return patch
  }

  #patchArtifact(): Artifact {
    const config = { mediaType: MEDIA_TYPES.empty, digest: this.#keep(Buffer.from('{}')), size: 2 }
    const manifest = { schemaVersion: 2, mediaType: MEDIA_TYPES.manifest, config, layers: this.#patches }
    const descriptor = { ...this.#json(MEDIA_TYPES.manifest, manifest), artifactType: ARTIFACT_TYPES.patches }
    return { kind: 'patches', name: 'layer-patches', platform: undefined, unpackedBytes: 0, descriptor }
  }

  async #patch(older: Buffer, newer: Buffer, layer: Digest): Promise<Descriptor> {
    const folder = await mkdtemp(join(tmpdir(), 'mojabox-patch-'))
    try {
      const cache = await openCache(join(folder, 'cache'))
      const [from, to] = await Promise.all([fileOf(older, join(folder, 'older')), fileOf(newer, join(folder, 'newer'))])
      const descriptor = await makePatch(from, to, cache, new AbortController().signal)
      const chunks: Buffer[] = []
      for await (const chunk of cache.read(descriptor.digest)) chunks.push(chunk)
      this.#keep(Buffer.concat(chunks))
      return patchDescriptor({ descriptor, layer, from, to })
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  }

  #layer(tar: Buffer): Descriptor {
    const packed = gzipSync(tar, { level: 1 })
    const mediaType = 'application/vnd.oci.image.layer.v1.tar+gzip'
    return { mediaType, digest: this.#keep(packed), size: packed.length }
  }

  #json(mediaType: string, value: unknown): Descriptor {
    const bytes = Buffer.from(JSON.stringify(value))
    return { mediaType, digest: this.#keep(bytes), size: bytes.length }
  }

  #keep(bytes: Buffer): Digest {
    const digest = digestOf(bytes)
    this.blobs.set(digest, bytes)
    return digest
  }
}

async function fileOf(tar: Buffer, path: string) {
  await writeFile(path, tar)
  return { path, diffId: digestOf(tar), sizeBytes: tar.length, entries: await tarEntries(Readable.from([tar])) }
}
