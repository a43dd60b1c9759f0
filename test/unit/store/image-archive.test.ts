import { Readable } from 'node:stream'
import { Parser, type ReadEntry } from 'tar'
import { describe, expect, it } from 'vitest'
import { imageArchive } from '../../../agent/store/image-archive.ts'
import type { CarriedImage } from '../../../agent/store/image-content.ts'
import { blobPath, digestOf } from '../../../bundles/format/digest.ts'
import { type Descriptor, type Digest, MEDIA_TYPES } from '../../../bundles/format/manifest.ts'

const content = new Map(['configuration', 'lower layer', 'x'.repeat(512)].map((text) => [digestOf(text), text]))
const blobs = [...content].map(([digest, text]): Descriptor => ({ mediaType: 'x/y', digest, size: text.length }))
const top: Descriptor = { mediaType: MEDIA_TYPES.manifest, digest: digestOf('manifest'), size: 8 }
const image = { name: 'docker.io/a/b:1', manifests: [top], blobs } as CarriedImage

/** Its files by path, as the archive has them for one that holds these; and how each blob's reading ended. */
async function archived(held: Digest[], broken?: Digest) {
  const ended = new Map<Digest, boolean>()
  const blob = async (digest: Digest) => ({
    sizeBytes: content.get(digest)?.length ?? 0,
    async *read() {
      if (digest === broken) throw new Error('cut')
      yield Buffer.from(content.get(digest) ?? '')
    },
    done: (whole: boolean) => void ended.set(digest, whole),
  })
  const files = new Map<string, string>()
  const onReadEntry = (entry: ReadEntry) =>
    void entry.concat().then((bytes) => files.set(entry.path, Buffer.from(bytes).toString()))
  const archive = imageArchive(image, '127.0.0.1:1/a/b:1', { manifest: async () => undefined, blob }, (digest) =>
    held.includes(digest),
  )
  const parser = new Parser({ strict: true, onReadEntry })
  const read = Readable.from(archive).forEach((piece) => void parser.write(piece))
  await read.finally(() => parser.end()).catch((error) => ended.size === 0 && Promise.reject(error))
  return { files, ended }
}

describe('an image’s archive', () => {
  it('names the image, and has every blob that is not held', async () => {
    const [configuration, lower, upper] = blobs.map(({ digest }) => digest) as [Digest, Digest, Digest]
    const { files, ended } = await archived([configuration])
    expect([...files.keys()]).toEqual(['oci-layout', 'index.json', blobPath(lower), blobPath(upper)])
    expect(files.get(blobPath(upper))).toBe(content.get(upper))
    expect(JSON.parse(files.get('index.json') ?? '')).toEqual({
      schemaVersion: 2,
      manifests: [{ ...top, annotations: { 'io.containerd.image.name': '127.0.0.1:1/a/b:1' } }],
    })
    expect([...ended]).toEqual([
      [lower, true],
      [upper, true],
    ])
  })

  it('says of a blob that was cut that it did not come whole', async () => {
    const [, lower] = blobs.map(({ digest }) => digest)
    expect((await archived([], lower)).ended.get(lower as Digest)).toBe(false)
  })
})
