/**
 * Makes the executables: `npm run build [-- --only linux-x64] [-- --force]`.
 * What they are and why is in scripts/build/; nothing is done when no input has changed since the last build.
 */
import { chmod, mkdir, mkdtemp, readFile, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { isFresh } from './build/freshness.ts'
import { isTarget, TARGETS, type Target } from './build/target.ts'

const ROOT_PATH = join(import.meta.dirname, '..')
const DIST_PATH = join(ROOT_PATH, 'dist')

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { only: { type: 'string' }, force: { type: 'boolean' } } })
  const stale: Target[] = []
  for (const target of wanted(values.only)) {
    if (!values.force && (await isFresh(ROOT_PATH, target, executablePath(target)))) {
      await sayMade(target, 'unchanged')
    } else stale.push(target)
  }
  if (stale.length > 0) await buildTargets(stale)
}

async function buildTargets(targets: Target[]): Promise<void> {
  // Loaded here so that finding nothing to do stays quick.
  const { bundleApp } = await import('./build/bundle.ts')
  const { makeExecutable } = await import('./build/executable.ts')
  const { digestInputs, recordBuild } = await import('./build/freshness.ts')
  const onStage = stageClock()
  const { version }: { version: string } = JSON.parse(await readFile(join(ROOT_PATH, 'package.json'), 'utf8'))
  const app = await bundleApp(join(ROOT_PATH, 'installer', 'main.ts'), ROOT_PATH)
  onStage('bundle', `${app.scripts.size} scripts, ${(sizeOf(app.scripts) / 1e6).toFixed(1)} MB`)
  // Now, not after the work: what is edited meanwhile must count as changed.
  const digests = new Map<Target, string>()
  for (const target of targets) digests.set(target, await digestInputs(ROOT_PATH, target, app.inputs))
  await mkdir(DIST_PATH, { recursive: true })
  for (const [target, digest] of digests) {
    const workPath = await mkdtemp(join(DIST_PATH, '.build-'))
    try {
      const made = await makeExecutable({
        target,
        workPath,
        scripts: app.scripts,
        version,
        onStage: (name, note) => onStage(`${target} ${name}`, note),
      })
      await chmod(made, 0o755)
      // Replaced in one go: a run of the executable meanwhile keeps the one it started from.
      await rename(made, executablePath(target))
    } finally {
      await rm(workPath, { recursive: true, force: true })
    }
    await recordBuild(ROOT_PATH, target, { executablePath: executablePath(target), inputs: app.inputs, digest })
    await sayMade(target, 'made')
  }
}

function wanted(only: string | undefined): Target[] {
  if (only === undefined) return Object.values(TARGETS).map(({ target }) => target)
  if (isTarget(only)) return [only]
  throw new Error(`--only ${only}: no such target; there are ${Object.keys(TARGETS).join(', ')}`)
}

function executablePath(target: Target): string {
  return join(DIST_PATH, `mojabox-${target}`)
}

function sizeOf(scripts: Map<string, string>): number {
  return [...scripts.values()].reduce((sum, source) => sum + source.length, 0)
}

function stageClock(): (name: string, note: string) => void {
  let since = performance.now()
  return (name, note) => {
    const seconds = ((performance.now() - since) / 1000).toFixed(1)
    since = performance.now()
    process.stdout.write(`${name.padEnd(20)} ${seconds.padStart(5)} s${note && `  ${note}`}\n`)
  }
}

async function sayMade(target: Target, what: string): Promise<void> {
  const { size } = await stat(executablePath(target))
  process.stdout.write(`dist/mojabox-${target}: ${what}, ${(size / 1e6).toFixed(1)} MB\n`)
}

main().catch((error: unknown) => {
  process.stderr.write(`build: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
})
