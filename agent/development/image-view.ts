import { z } from 'zod'
import { MojaboxError } from '../../bundles/format/error.ts'
import type { RunCommand } from '../contract/step.ts'
import type { Checkout } from './checkout.ts'
import { IMAGE_SCRIPT } from './image-script.ts'

const Difference = z.object({ name: z.string(), wanted: z.string(), installed: z.string().nullable() })
export type Difference = z.infer<typeof Difference>

/** A released image as a checkout has to know it. */
export const ImageView = z.object({
  /** Where the service lies inside. */
  folder: z.string(),
  /** Files and folders at its top. */
  entries: z.array(z.string()),
  npm: z.boolean(),
  /** Direct dependencies of the checkout that the image does not have in that version. */
  differing: z.array(Difference),
})
export type ImageView = z.infer<typeof ImageView>

/** Looks into the image, with the checkout's package files at hand. */
export async function viewImage(run: RunCommand, image: string, checkout: Checkout): Promise<ImageView> {
  const input = JSON.stringify({ package: checkout.packageText, lock: checkout.lockText })
  const argv = [
    'docker',
    'run',
    '--rm',
    '--interactive',
    '--network',
    'none',
    '--pull',
    'never',
    '--entrypoint',
    'node',
  ]
  const { stdout } = await run([...argv, image, '-e', IMAGE_SCRIPT], { input })
  return ImageView.parse(JSON.parse(stdout))
}

const SHOWN = 5

/** @throws always: MojaboxError `dependencies-not-installed` */
export function refuseDependencies(differing: readonly Difference[], why: string, cause?: unknown): never {
  const rows = differing
    .slice(0, SHOWN)
    .map(({ name, wanted, installed }) => `${name} ${wanted} (the image has ${installed ?? 'none'})`)
  const more = differing.length > SHOWN ? ` and ${differing.length - SHOWN} more` : ''
  throw new MojaboxError(
    {
      code: 'dependencies-not-installed',
      kind: 'check',
      message: 'the checkout’s dependencies are not in the released image, and cannot be installed here',
      found: `${rows.join(', ')}${more}; ${why}`,
      needed: 'the dependencies of the released version, or an npm registry within reach while the image is built',
      next: 'check out the version that the hub runs (mojabox status), or run the same command where npm has a registry',
    },
    { cause },
  )
}
