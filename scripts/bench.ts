/**
 * `npm run bench` measures mojabox and prints `{"figures": [...]}` on stdout; progress goes to stderr. `npm run bench
 * GROUP` runs one group (`start`, `install`, `delivery`, `seeding`, `harness`). Figures are worth something on a quiet machine; those that
 * compare are ratios of two measurements of the same run. Of `delivery` a part can be run: `npm run bench delivery --
 * [--repetitions N] [--only cold,upgrade,noop,link100,five_nodes,floors] [--suites 26,d20,containerd]`.
 */
import { spawn } from 'node:child_process'
import { copyFile, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { unshapeDesk } from '../test/lab/network.ts'
import { createKeyPair } from '../test/lab/ssh-keys.ts'
import { delivery } from './bench/delivery.ts'
import { harness } from './bench/harness.ts'
import { install } from './bench/install.ts'
import type { Bench, Group } from './bench/measure/bench.ts'
import { readCommandLine } from './bench/measure/choice.ts'
import { copySigned } from './bench/measure/copy-signed.ts'
import { type Figure, Unfinished } from './bench/measure/figure.ts'
import { loadText } from './bench/measure/meters.ts'
import { removeLeftNodes } from './bench/measure/node.ts'
import { seeding } from './bench/seeding.ts'
import { start } from './bench/start.ts'
import { BUNDLE, EXECUTABLE } from './lab/artifacts.ts'

const GROUPS: Record<string, Group> = { start, install, delivery, seeding, harness }

const say = (line: string): void => void process.stderr.write(`${line}\n`)

async function main(): Promise<void> {
  const { groups, choice } = readCommandLine(process.argv.slice(2))
  const names = wanted(groups)
  const needsLab = names.some((name) => GROUPS[name]?.needsLab)
  const needsImageSet = names.some((name) => GROUPS[name]?.needsImageSet)
  await prepare(needsLab ? (needsImageSet ? ['--image-set'] : []) : ['--executable-only'])
  const folder = await mkdtemp(join(tmpdir(), 'mojabox-bench-'))
  const figures: Figure[] = []
  try {
    if (needsLab) await clearLab()
    const bench = { ...(await benchOf(folder, needsLab)), choice }
    for (const name of names) {
      say(`== ${name} (load ${loadText()})`)
      figures.push(...((await GROUPS[name]?.measure(bench)) ?? []))
    }
  } catch (error) {
    if (error instanceof Unfinished) figures.push(...error.figures)
    throw error
  } finally {
    await rm(folder, { recursive: true, force: true })
    process.stdout.write(`${JSON.stringify({ figures }, null, 2)}\n`)
  }
}

/** @throws Error for a group that there is not */
function wanted(names: string[]): string[] {
  const unknown = names.find((name) => !Object.hasOwn(GROUPS, name))
  if (unknown !== undefined) throw new Error(`no group ${unknown}; there are ${Object.keys(GROUPS).join(', ')}`)
  return names.length > 0 ? names : Object.keys(GROUPS)
}

/** Copies, so that a build meanwhile does not change what is measured. */
async function benchOf(folder: string, needsLab: boolean): Promise<Omit<Bench, 'choice'>> {
  const executable = join(folder, 'mojabox')
  const bundle = join(folder, 'bundle.tar')
  await copyFile(EXECUTABLE, executable)
  if (needsLab) await copySigned(BUNDLE, bundle)
  return { executable, bundle, folder, key: await createKeyPair(folder), say }
}

/** Takes away what a benchmark that was killed has left, and leaves nothing slow if this one is ended at the keyboard. */
async function clearLab(): Promise<void> {
  await removeLeftNodes()
  await unshapeDesk()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => void unshapeDesk().finally(() => process.exit(130)))
  }
}

async function prepare(flags: string[]): Promise<void> {
  const script = fileURLToPath(import.meta.resolve('./bench/measure/prepare.ts'))
  // Both of its outputs are progress here.
  const child = spawn(process.execPath, [script, ...flags], { stdio: ['ignore', process.stderr, process.stderr] })
  const code = await new Promise((resolve, reject) => child.on('error', reject).on('close', resolve))
  if (code !== 0) throw new Error('what is to be measured could not be made')
}

main().catch((error: unknown) => {
  process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
})
