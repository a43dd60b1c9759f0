/**
 * Makes what the benchmark measures: the executable and, unless `--executable-only`, the lab and its bundle; with
 * `--image-set` that one too. A process of its own, so that what this prints can be kept off the benchmark's stdout.
 */
import { setUpLab } from '../../../test/lab/set-up.ts'
import { buildBundle, buildExecutables } from '../../lab/artifacts.ts'
import { buildImageSetBundles } from '../image-set/bundle.ts'
import { makeImageSet } from '../image-set/image-set.ts'

async function main(): Promise<void> {
  await buildExecutables('linux-x64')
  if (process.argv.includes('--executable-only')) return
  const log = (line: string) => void process.stdout.write(`${line}\n`)
  const { registry } = await setUpLab({ log })
  await buildBundle(registry.address)
  if (!process.argv.includes('--image-set')) return
  await makeImageSet(log)
  await buildImageSetBundles(registry.address)
}

main().catch((error: unknown) => {
  process.stderr.write(`preparing: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
})
