import type { CarriedImage } from '../store/image-content.ts'
import type { LayerForms } from '../store/layer-forms.ts'

/** An image that is to be pulled, and those that have to be there by then. */
export interface Pull {
  image: CarriedImage
  after: CarriedImage[]
}

/**
 * Which images come first. Those that are the most work to unpack, so that little is left to do when the last byte has
 * come: Docker's own store unpacks a layer once, however many pulls wait for it.
 *
 * containerd's store unpacks it once for each (25 times for the 15 layers of eight images, where measured). There the
 * smallest of those that share layers brings these, and the others wait for it.
 */
export function pullOrder(
  images: readonly CarriedImage[],
  forms: LayerForms,
  imageStore: 'classic' | 'containerd',
): Pull[] {
  const first = longestFirst(images)
  if (imageStore === 'classic') return first.map((image) => ({ image, after: [] }))
  const pulls: Pull[] = []
  const bringers = new Map<string, CarriedImage>()
  for (let rest = first; rest.length > 0; ) {
    // Of those that go on from the same layers with the same next one, the smallest.
    const chosen = new Map(rest.map((image) => [nextStack(image, forms, bringers), image]))
    for (const image of longestFirst([...chosen.values()])) {
      const stacks = stacksToCome(image, forms)
      pulls.push({ image, after: [...new Set(stacks.flatMap((stack) => bringers.get(stack) ?? []))] })
      for (const stack of stacks) if (!bringers.has(stack)) bringers.set(stack, image)
    }
    rest = rest.filter((image) => !pulls.some((pull) => pull.image === image))
  }
  return pulls
}

function longestFirst(images: readonly CarriedImage[]): CarriedImage[] {
  return images.toSorted((one, other) => other.unpackedBytes - one.unpackedBytes)
}

/** Each layer that is to come, together with those that it lies on. */
function stacksToCome({ name }: CarriedImage, forms: LayerForms): string[] {
  const layers = forms.get(name) ?? []
  const diffIds = layers.map(({ diffId }) => diffId)
  return layers.flatMap(({ asked }, at) => (asked ? [diffIds.slice(0, at + 1).join(' ')] : []))
}

/** The first that nobody brings yet; its own name where there is none. */
function nextStack(image: CarriedImage, forms: LayerForms, bringers: ReadonlyMap<string, CarriedImage>): string {
  return stacksToCome(image, forms).find((stack) => !bringers.has(stack)) ?? image.name
}
