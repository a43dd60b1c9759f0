import { ensureImage, type LabImage } from '../../../test/lab/image.ts'
import type { ServedImage } from '../../../test/lab/ledger-images.ts'
import { ensureServed } from '../../../test/lab/registry.ts'
import { createStageRunner, type Log } from '../../../test/lab/stages.ts'
import { applicationImages, dependencyImages, type SetVersion } from './applications.ts'
import { setBaseImage, setRuntimeImage } from './base-image.ts'
import { debianImages, debianParents } from './debian-images.ts'

/**
 * Eight images like those of an application of some size: npm applications on one Node.js, a Java one, a database, a
 * cache and a proxy, all on one Debian. 1.1 GB as `docker save` writes them; delivery is measured with these. In the
 * second version the last layer of the four applications differs, some 12 MB compressed, and nothing else.
 */
export function imageSet(version: SetVersion): ServedImage[] {
  return [...applicationImages(version), ...debianImages].map((image) => {
    const [repository = '', tag = ''] = image.tag.split(':')
    return { image, repository, tag }
  })
}

/** Makes both versions and has the lab's registry serve them: minutes the first time. Needs the lab. */
export async function makeImageSet(log: Log): Promise<void> {
  const runner = createStageRunner(log)
  const made = (image: LabImage, after: Promise<void>[]) => runner.stage(image.tag, after, () => ensureImage(image))
  const base = made(setBaseImage, [])
  const runtime = made(setRuntimeImage, [base])
  const parents = [
    ...debianParents.map((image) => made(image, [base])),
    ...dependencyImages.map((image) => made(image, [runtime])),
  ]
  const served = new Map([...imageSet(1), ...imageSet(2)].map((each) => [each.image.tag, each]))
  for (const each of served.values()) {
    const ready = made(each.image, parents)
    runner.stage(`served ${each.repository}:${each.tag}`, [ready], () => ensureServed(each))
  }
  await runner.finish()
}
