import { expect, it } from 'vitest'
import { pullOrder } from '../../../agent/engine/pull-order.ts'
import type { CarriedImage } from '../../../agent/store/image-content.ts'
import type { LayerForm, LayerForms } from '../../../agent/store/layer-forms.ts'

/** Layers by one letter each; a small one is there already. */
const image = (name: string, layers: string, unpackedBytes: number) => ({ name, layers, unpackedBytes })

function order(imageStore: 'classic' | 'containerd', ...images: ReturnType<typeof image>[]): string[] {
  const forms: LayerForms = new Map(
    images.map(({ name, layers }) => [
      name,
      [...layers].map((diffId) => ({ diffId, asked: diffId === diffId.toUpperCase() }) as LayerForm),
    ]),
  )
  const pulls = pullOrder(images as unknown as CarriedImage[], forms, imageStore)
  return pulls.map(({ image, after }) => [image.name, ...after.map(({ name }) => name)].join(' < '))
}

const BASE = image('base', 'B', 1)
const RUNTIME = image('runtime', 'BR', 3)
const JAVA = image('java', 'BJ', 9)
const APPS = [image('app1', 'BRS1', 6), image('app2', 'BRS2', 7), image('app3', 'BR3', 5)]

it('begins with the most work where the store unpacks a layer once, and none waits', () => {
  expect(order('classic', BASE, RUNTIME, JAVA, ...APPS)).toEqual(['java', 'app2', 'app1', 'app3', 'runtime', 'base'])
})

it('has the smallest of those that share a layer bring it where each would unpack it, and the others wait', () => {
  expect(order('containerd', ...APPS, JAVA, RUNTIME, BASE)).toEqual([
    'base',
    'java < base',
    'runtime < base',
    'app1 < base < runtime',
    'app3 < base < runtime',
    'app2 < base < runtime < app1',
  ])
})

it('lets one of those that share a layer go first where no image has just that', () => {
  expect(order('containerd', ...APPS)).toEqual(['app3', 'app1 < app3', 'app2 < app3 < app1'])
})

it('has none wait for what is there already, nor for a layer that lies on others', () => {
  expect(order('containerd', image('one', 'bX', 1), image('two', 'bY', 2), image('three', 'cX', 3))).toEqual([
    'three',
    'two',
    'one',
  ])
})

it('keeps an image that others have whole', () => {
  expect(order('containerd', image('one', 'BX', 1), image('same', 'BX', 1), image('there', 'b', 1))).toEqual([
    'same',
    'there',
    'one < same',
  ])
})
