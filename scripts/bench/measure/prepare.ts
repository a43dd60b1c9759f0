/**
 * Makes what the benchmark measures: the executable and, unless `--executable-only`, the lab and its bundle. A process
 * of its own, so that what this prints can be kept off the benchmark's stdout.
 */
import { setUpLab } from '../../../test/lab/set-up.ts'
import { buildBundle, buildExecutables } from '../../lab/artifacts.ts'

async function main(): Promise<void> {
  await buildExecutables('linux-x64')
  if (process.argv.includes('--executable-only')) return
  const { registry } = await setUpLab({ log: (line) => void process.stdout.write(`${line}\n`) })
  await buildBundle(registry.address)
}

main().catch((error: unknown) => {
  process.stderr.write(`preparing: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
})
