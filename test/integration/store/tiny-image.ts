import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { gunzipSync, gzipSync } from 'node:zlib'
import { digestOf } from '../../../bundles/format/digest.ts'
import {
  type Artifact,
  type BundleManifest,
  type Descriptor,
  type Digest,
  MEDIA_TYPES,
} from '../../../bundles/format/manifest.ts'

const ARCHITECTURE = process.arch === 'x64' ? 'amd64' : process.arch

/** Images of random bytes, made for one test: nothing of them is anywhere else. */
export class TinyImages {
  readonly blobs = new Map<Digest, Buffer>()
  readonly #artifacts: Artifact[] = []
  readonly #base = this.#layer(4_000_000)
  readonly #archived = new Map<string, { config: Digest; layers: Digest[] }>()
  readonly #family = `docker.io/mojabox-test/${randomUUID().slice(0, 8)}`

  /** An image of a layer that all share and one of its own; gives its full name. */
  add(name: string, ownBytes = 3_000_000): string {
    const layers = [this.#base, this.#layer(ownBytes)]
    const config = this.#json('application/vnd.oci.image.config.v1+json', {
      architecture: ARCHITECTURE,
      os: 'linux',
      config: { Labels: { 'org.mojabox.test': 'tiny' }, Cmd: ['/none'] },
      rootfs: { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) },
    })
    const manifest = this.#json(MEDIA_TYPES.manifest, {
      schemaVersion: 2,
      mediaType: MEDIA_TYPES.manifest,
      config,
      layers: layers.map(({ descriptor }) => descriptor),
    })
    const full = `${this.#family}-${name}:1`
    this.#archived.set(full, { config: config.digest, layers: layers.map(({ descriptor }) => descriptor.digest) })
    const platform = { os: 'linux', architecture: ARCHITECTURE }
    this.#artifacts.push({ kind: 'image', name: full, platform, unpackedBytes: 1, descriptor: manifest })
    return full
  }

  get manifest(): BundleManifest {
    const artifacts = this.#artifacts
    return { digest: digestOf('tiny'), deployment: 'core-test-harness', version: '1', profiles: [], artifacts }
  }

  get architecture(): string {
    return ARCHITECTURE
  }

  /** Of configurations and layers, each once. */
  get totalBytes(): number {
    const manifests = new Set(this.#artifacts.map(({ descriptor }) => descriptor.digest))
    return [...this.blobs].reduce((sum, [digest, bytes]) => sum + (manifests.has(digest) ? 0 : bytes.length), 0)
  }

  /** The layer that all share. */
  get base(): Digest {
    return this.#base.descriptor.digest
  }

  /** The image as `docker load` takes it. */
  archive(name: string): Buffer {
    const { config, layers } = this.#archived.get(name) ?? { config: this.base, layers: [] }
    const manifest = [{ Config: 'config.json', RepoTags: [name], Layers: layers.map((_, at) => `${at}.tar`) }]
    const entries = [
      tarEntry('config.json', this.read(config)),
      ...layers.map((digest, at) => tarEntry(`${at}.tar`, gunzipSync(this.read(digest)))),
      tarEntry('manifest.json', Buffer.from(JSON.stringify(manifest))),
    ]
    return Buffer.concat([...entries, Buffer.alloc(1024)])
  }

  read(digest: Digest): Buffer {
    const bytes = this.blobs.get(digest)
    if (!bytes) throw new Error(`no blob ${digest}`)
    return bytes
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

  #layer(bytes: number): { descriptor: Descriptor; diffId: string } {
    const tar = tarOf(`file-${randomUUID()}`, randomBytes(bytes))
    const packed = gzipSync(tar, { level: 1 })
    const mediaType = 'application/vnd.oci.image.layer.v1.tar+gzip'
    return {
      descriptor: { mediaType, digest: this.#keep(packed), size: packed.length },
      diffId: `sha256:${createHash('sha256').update(tar).digest('hex')}`,
    }
  }
}

/** A tar of one file. */
function tarOf(name: string, content: Buffer): Buffer {
  return Buffer.concat([tarEntry(name, content), Buffer.alloc(1024)])
}

/** A file as it lies in a tar (POSIX.1-1988 header). */
function tarEntry(name: string, content: Buffer): Buffer {
  const head = Buffer.alloc(512)
  head.write(name, 0)
  head.write('0000644\0', 100)
  head.write('0000000\0', 108)
  head.write('0000000\0', 116)
  head.write(`${content.length.toString(8).padStart(11, '0')}\0`, 124)
  head.write('00000000000\0', 136)
  head.write('        ', 148)
  head.write('0', 156)
  head.write('ustar\x0000', 257)
  const sum = head.reduce((total, byte) => total + byte, 0)
  head.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
  const padding = Buffer.alloc((512 - (content.length % 512)) % 512)
  return Buffer.concat([head, content, padding])
}
