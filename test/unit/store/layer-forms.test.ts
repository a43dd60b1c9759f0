import { createHash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import type { DockerFacts } from '../../../agent/contract/facts.ts'
import type { NodeBundle } from '../../../agent/contract/step.ts'
import { type HeldLayers, NO_LAYERS } from '../../../agent/runtimes/held-layers.ts'
import { carriedImages } from '../../../agent/store/image-content.ts'
import { type FormsFor, layerForms } from '../../../agent/store/layer-forms.ts'
import { manifestOf } from '../../../agent/store/plain-layers.ts'
import { digestOf, hexOf } from '../../../bundles/format/digest.ts'
import { patchDescriptor } from '../../../bundles/format/layer-patch.ts'
import { type Artifact, type Digest, MEDIA_TYPES } from '../../../bundles/format/manifest.ts'
import { temporaryFolder } from '../engine/temporary-folder.ts'
import { healthyHost } from '../preflight/healthy-host.ts'
import { FakeDesk } from './fake-desk.ts'
import { addImage, bundleOf, diffIdOf, imageArtifact } from './image.ts'

const NAME = 'docker.io/a/app:2'
/** The release that Docker has, and the one that is to come: on another application the same start script. */
const OLD = ['base', 'app 1', 'start'].map(diffIdOf)
const NEW = ['base', 'app 2', 'start']
const TAR_BYTES = 7

/** A Docker whose folder has the layers of these stacks, each a tar of a few bytes. */
async function dockerWith(stacks: string[][]): Promise<DockerFacts> {
  const rootDir = await temporaryFolder()
  for (const stack of stacks) {
    let chain = stack[0] ?? ''
    stack.forEach((diffId, at) => {
      if (at > 0) chain = `sha256:${createHash('sha256').update(`${chain} ${diffId}`).digest('hex')}`
      const layer = join(rootDir, 'image/overlay2/layerdb/sha256', chain.slice('sha256:'.length))
      mkdirSync(layer, { recursive: true })
      mkdirSync(join(rootDir, 'overlay2', `cache-${at}`, 'diff'), { recursive: true })
      writeFileSync(join(layer, 'cache-id'), `cache-${at}`)
      const payload = Buffer.alloc(TAR_BYTES).toString('base64')
      writeFileSync(join(layer, 'tar-split.json.gz'), gzipSync(`${JSON.stringify({ type: 2, payload })}\n`))
    })
  }
  return { ...healthyHost().docker, imageStore: 'classic', storageDriver: 'overlay2', rootDir } as DockerFacts
}

/** Of each layer: how it is handed out, and of what it is made. */
async function formsWith(changes: Partial<Omit<FormsFor, 'held'>> & { held?: Partial<HeldLayers>; patches?: boolean }) {
  const { patches = true, held = {}, ...rest } = changes
  const desk = new FakeDesk()
  const image = imageArtifact(NAME, addImage(desk, NEW))
  const [from, to] = ['app 1', 'app 2'].map((name) => ({ diffId: diffIdOf(name), sizeBytes: 100 }))
  if (!from || !to) throw new Error('two')
  const descriptor = { mediaType: MEDIA_TYPES.layerPatch, digest: digestOf('patch'), size: 5 }
  const config = { mediaType: MEDIA_TYPES.empty, ...desk.addJson({}) }
  const layers = [patchDescriptor({ descriptor, layer: digestOf('app 2'), from, to })]
  const list = desk.addJson({ schemaVersion: 2, config, layers })
  const listed = { ...imageArtifact('layer-patches', { mediaType: MEDIA_TYPES.manifest, ...list }), kind: 'patches' }
  const bundle = {
    manifest: bundleOf(patches ? [image, listed as Artifact] : [image]),
    readBlob: async (digest: Digest) => desk.blobs.get(digest) as Buffer,
  } as NodeBundle
  const images = await carriedImages({ bundle }, [NAME], 'amd64')
  const about: FormsFor = {
    docker: await dockerWith([OLD]),
    held: {
      ...NO_LAYERS,
      stacks: [OLD],
      pulled: new Set(['base', 'app 1', 'start'].map((name) => hexOf(digestOf(name)))),
      ...held,
    },
    readsZstd: true,
    wantsWhole: () => false,
    ...rest,
  }
  const forms = (await layerForms(bundle, images, about)).get(NAME) ?? []
  const manifest = images[0]?.manifest
  const told = forms.map(({ sent, handedOut, asked, origin }) => {
    if (!asked) return handedOut === sent ? 'there' : `there as a tar of ${handedOut.size}`
    if (!origin) return handedOut === sent ? 'sent' : 'sent, unpacked'
    return `${handedOut.size} bytes of ${origin.patch ? 'a patch' : 'the same'}`
  })
  return { told, forms, changed: manifest && manifestOf(manifest, forms) }
}

const hexes = (...names: string[]) =>
  new Set(names.map((name) => hexOf(name.startsWith('sha256:') ? (name as Digest) : digestOf(name))))

describe('how layers are handed out', () => {
  it('makes a layer of its older one, and takes what lies on it from where Docker has it', async () => {
    const { told, forms, changed } = await formsWith({})
    expect(told).toEqual(['there', '100 bytes of a patch', '7 bytes of the same'])
    const manifest = JSON.parse(String(changed?.bytes))
    expect(manifest.layers.map(({ digest }: { digest: string }) => digest)).toEqual([
      digestOf('base'),
      diffIdOf('app 2'),
      diffIdOf('start'),
    ])
    expect(manifest.layers[1].mediaType).toBe('application/vnd.oci.image.layer.v1.tar')
    expect(forms[1]?.origin?.held.filesPath).toContain('cache-1')
  })

  it('changes nothing in containerd’s store, where an image is its manifest', async () => {
    const docker = { ...(await dockerWith([OLD])), imageStore: 'containerd' as const }
    const { told, changed } = await formsWith({ docker, held: { imageStore: 'containerd' } })
    expect(told).toEqual(['there', 'sent', 'there'])
    expect(changed).toBeUndefined()
  })

  it('changes nothing where Docker has no older release, or its layers cannot be read', async () => {
    for (const changes of [{ held: NO_LAYERS }, { docker: null }, { docker: await dockerWith([]) }]) {
      const { told, changed } = await formsWith(changes)
      expect(told.slice(1)).toEqual(['sent', 'sent'])
      expect(changed).toBeUndefined()
    }
  })

  it('sends what has no patch', async () => {
    expect((await formsWith({ patches: false })).told).toEqual(['there', 'sent', '7 bytes of the same'])
  })

  it('sends what is wanted as it is', async () => {
    const { told } = await formsWith({ wantsWhole: (layer) => layer === digestOf('app 2') })
    expect(told).toEqual(['there', 'sent', '7 bytes of the same'])
  })

  it('hands out as a tar what Docker was given as a tar before, so that it does not ask for it', async () => {
    const stack = NEW.map(diffIdOf)
    const docker = await dockerWith([stack])
    const pulled = hexes('base', diffIdOf('app 2'), diffIdOf('start'))
    const { told } = await formsWith({ docker, held: { stacks: [stack], pulled }, patches: false })
    expect(told).toEqual(['there', 'there as a tar of 7', 'there as a tar of 7'])
  })
})
