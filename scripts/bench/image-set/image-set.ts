import { ensureImage, type LabImage } from '../../../test/lab/image.ts'
import type { ServedImage } from '../../../test/lab/ledger-images.ts'
import { ensureServed } from '../../../test/lab/registry.ts'
import { createStageRunner, type Log } from '../../../test/lab/stages.ts'
import { applicationImages } from './applications.ts'
import { setBaseImage, setRuntimeImage } from './base-image.ts'
import { debianImages, debianParents } from './debian-images.ts'

/**
 * Eight images like those of an application of some size: npm applications on one Node.js, a Java one, a database, a
 * cache and a proxy, all on one Debian. 1.1 GB as `docker save` writes them; delivery is measured with these.
 */
export const imageSet: readonly ServedImage[] = [...applicationImages, ...debianImages].map((image) => {
  const [repository = '', tag = ''] = image.tag.split(':')
  return { image, repository, tag }
})

/** Makes them and has the lab's registry serve them: minutes the first time. Needs the lab. */
export async function makeImageSet(log: Log): Promise<void> {
  const runner = createStageRunner(log)
  const made = (image: LabImage, after: Promise<void>[]) => runner.stage(image.tag, after, () => ensureImage(image))
  const base = made(setBaseImage, [])
  const runtime = made(setRuntimeImage, [base])
  const parents = debianParents.map((image) => made(image, [base]))
  for (const served of imageSet) {
    const ready = made(served.image, [base, runtime, ...parents])
    runner.stage(`served ${served.repository}:${served.tag}`, [ready], () => ensureServed(served))
  }
  await runner.finish()
}
