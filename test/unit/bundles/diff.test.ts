import { rename } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type BundleDiff, diffBundles } from '../../../bundles/format/diff.ts'
import { openBundle } from '../../../bundles/format/open.ts'
import { diffTable } from '../../../installer/render/diff-table.ts'
import { buildIn, specOf } from './build-in.ts'
import { type FakeRegistry, putImage, startFakeRegistry } from './fake-registry.ts'
import { temporaryFolder } from './temporary-folder.ts'

let registry: FakeRegistry

beforeEach(async () => {
  registry = await startFakeRegistry()
})

afterEach(() => registry.close())

/** Bundles of images given as their layers. */
async function diffOf(a: Record<string, string[]>, b: Record<string, string[]>): Promise<BundleDiff> {
  const folder = temporaryFolder()
  const [pathA, pathB] = [await bundleFile(folder, 'a', a), await bundleFile(folder, 'b', b)]
  const [bundleA, bundleB] = [await openBundle(pathA), await openBundle(pathB)]
  try {
    return await diffBundles(bundleA, bundleB)
  } finally {
    await bundleA.close()
    await bundleB.close()
  }
}

async function bundleFile(folder: string, name: string, images: Record<string, string[]>): Promise<string> {
  for (const [image, layers] of Object.entries(images))
    registry.tag(`library/${image}`, '1', putImage(registry, layers))
  const names = Object.keys(images).map((image) => [image, `docker.io/library/${image}:1`])
  const { path } = await buildIn(folder, {
    spec: specOf(Object.fromEntries(names)),
    origins: { mirrors: { 'docker.io': registry.host } },
  })
  await rename(path, join(folder, `${name}.tar`))
  return join(folder, `${name}.tar`)
}

const random = (seed: number, length: number) =>
  Array.from({ length }, (_, at) => String.fromCharCode(33 + ((at * at * seed + at) % 90))).join('')
const base = random(7, 20_000)

describe('diffBundles', () => {
  it('tells artifacts that came, went and changed, and counts those that stayed', async () => {
    const diff = await diffOf(
      { kept: [base], changed: [base, 'old'], gone: [base, 'gone'] },
      { kept: [base], changed: [base, 'new'], come: [base, 'come'] },
    )
    const images = diff.artifacts.filter(({ kind }) => kind === 'image')
    const found = images.map(({ name, from, to }) => [name, from !== undefined, to !== undefined])
    expect(found).toEqual([
      ['docker.io/library/changed:1', true, true],
      ['docker.io/library/come:1', false, true],
      ['docker.io/library/gone:1', true, false],
    ])
    expect(diff.sameArtifacts).toBe(1)
  })

  it('counts a layer that both have for neither, whatever artifact it belongs to', async () => {
    const diff = await diffOf({ one: [base] }, { two: [base, 'more'] })
    const layers = diff.added.filter(({ role, artifacts }) => role === 'layer' && !artifacts.includes('sbom sbom'))
    expect(layers.map(({ artifacts }) => artifacts)).toEqual([['image docker.io/library/two:1 (linux/amd64)']])
    expect(diff.addedBytes).toBe(diff.added.reduce((sum, { bytes }) => sum + bytes, 0))
    expect(diff.artifacts.reduce((sum, { addedBytes }) => sum + addedBytes, 0)).toBe(diff.addedBytes)
    expect(diff.sameBytes).toBeGreaterThan(layers[0]?.bytes ?? 0)
  })

  it('finds nothing between a bundle and itself', async () => {
    const diff = await diffOf({ one: [base] }, { one: [base] })
    expect(diff).toMatchObject({ artifacts: [], added: [], removed: [], addedBytes: 0, removedBytes: 0 })
    expect(diffTable(diff)).toContain('only in B 0 blobs, 0 B')
  })

  it('is shown with a sign for each artifact, and its largest blobs', async () => {
    const layers = Array.from({ length: 30 }, (_, at) => `layer ${at}`)
    const text = diffTable(await diffOf({ gone: ['x'] }, { come: layers }))
    expect(text).toMatch(/^\+ +image +docker.io\/library\/come:1/m)
    expect(text).toMatch(/^- +image +docker.io\/library\/gone:1/m)
    expect(text).toMatch(/and \d+ smaller ones/)
  })
})
