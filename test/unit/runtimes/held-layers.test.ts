import { describe, expect, it } from 'vitest'
import { type HeldLayers, layersAskedFor, NO_LAYERS } from '../../../agent/runtimes/held-layers.ts'
import { digestOf, hexOf } from '../../../bundles/format/digest.ts'

/** Layers whose digests are those of their names, packed, and whose diff IDs are those of their names. */
const layers = (...names: string[]) =>
  names.map((name) => {
    const digest = digestOf(`packed ${name}`)
    return { sent: { mediaType: 'layer', digest, size: 1 }, askedFor: digest, diffId: digestOf(name) }
  })
const stack = (...names: string[]) => names.map((name) => digestOf(name))
const pulled = (...names: string[]) => new Set(names.map((name) => hexOf(digestOf(`packed ${name}`))))

function askedFor(names: string[], held: Partial<HeldLayers>): string[] {
  const asked = layersAskedFor(layers(...names), { ...NO_LAYERS, ...held })
  return names.filter((name) => asked.some(({ diffId }) => diffId === digestOf(name)))
}

describe('layersAskedFor', () => {
  it('are all where Docker has nothing', () => {
    expect(askedFor(['a', 'b'], {})).toEqual(['a', 'b'])
  })

  it('are none where some image has the same layers, pulled', () => {
    const held = { stacks: [stack('x'), stack('a', 'b', 'c')], pulled: pulled('a', 'b', 'c', 'x') }
    expect(askedFor(['a', 'b'], held)).toEqual([])
  })

  it('begin where no image goes along any more: a layer counts on what it lies on only', () => {
    const all = pulled('a', 'b', 'c', 'x')
    expect(askedFor(['a', 'b', 'c'], { stacks: [stack('a', 'x', 'c')], pulled: all })).toEqual(['b', 'c'])
    expect(askedFor(['b', 'c'], { stacks: [stack('a', 'b', 'c')], pulled: all })).toEqual(['b', 'c'])
  })

  it('take the image that goes along the furthest', () => {
    const held = { stacks: [stack('a'), stack('a', 'b'), stack('a', 'x', 'c')], pulled: pulled('a', 'b', 'c') }
    expect(askedFor(['a', 'b', 'c'], held)).toEqual(['c'])
  })

  it('are from the first on that was not pulled under this digest: Docker cannot tell that it has it', () => {
    const held = { stacks: [stack('a', 'b', 'c')], pulled: pulled('a', 'c') }
    expect(askedFor(['a', 'b', 'c'], held)).toEqual(['b', 'c'])
  })

  it('follow from the layers alone where it cannot be read what was pulled', () => {
    expect(askedFor(['a', 'b'], { stacks: [stack('a')], pulled: undefined })).toEqual(['b'])
    expect(askedFor(['a', 'b'], { imageStore: 'containerd', stacks: [stack('a')], pulled: undefined })).toEqual(['b'])
  })

  it('are those whose content containerd’s store lacks, wherever they lie', () => {
    const held: Partial<HeldLayers> = { imageStore: 'containerd', stacks: [stack('a', 'b')], pulled: pulled('b', 'c') }
    expect(askedFor(['a', 'b', 'c'], held)).toEqual(['a'])
  })
})
