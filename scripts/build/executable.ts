import { copyFile, mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { nodeBinary, runnerFor } from './node-binary.ts'
import { TARGETS, type Target } from './target.ts'
import { findTool, runTool } from './tool.ts'

/** Command lines whose functions go into the code cache: what most starts of the executable run. */
const WARM_COMMANDS = [['--help'], ['completion', 'bash'], ['bundle', '--help'], ['install', '--help']]

const SEA_FUSE = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2'

export interface ExecutableWork {
  target: Target
  /** Folder for intermediate files, of this target alone. */
  workPath: string
  scripts: Map<string, string>
  version: string
  /** Called at the end of each stage; `note` says what a reader should know about it. */
  onStage(name: string, note: string): void
}

/** Makes the executable of one target in the work folder and gives its path. */
export async function makeExecutable(work: ExecutableWork): Promise<string> {
  const { target, workPath, onStage } = work
  const node = await nodeBinary(target)
  const runner = await runnerFor(target, node)
  onStage('node', '')
  await mkdir(assetsPath(work))
  for (const [name, source] of work.scripts) await writeFile(join(assetsPath(work), name), source, 'latin1')
  if (runner) onStage('warm', await warm(work, [...runner, node]))
  else onStage('warm', `no emulator (${TARGETS[target].emulators[0]}): no code cache, so it starts slower`)
  const blobPath = await makeBlob(work, runner && [...runner, node])
  onStage('blob', '')
  // Stripping after the injection would break the executable.
  const executablePath = join(workPath, 'mojabox')
  const strip = findTool(TARGETS[target].strips)
  if (strip) await runTool([strip, '-s', '-o', executablePath, node])
  else await copyFile(node, executablePath)
  onStage('strip', strip ? '' : `no tool for it (${TARGETS[target].strips.join(', ')}): 20 MB larger`)
  const postject = fileURLToPath(import.meta.resolve('postject/dist/cli.js'))
  await runTool([process.execPath, postject, executablePath, 'NODE_SEA_BLOB', blobPath, '--sentinel-fuse', SEA_FUSE])
  onStage('inject', '')
  if (runner) await smoke([...runner, executablePath], work.version)
  return executablePath
}

async function warm(work: ExecutableWork, node: string[]): Promise<string> {
  await compile(work, 'warm', {})
  const { workPath } = work
  const argv = [join(workPath, 'warm.cjs'), assetsPath(work), JSON.stringify(WARM_COMMANDS)]
  const failed: string[][] = JSON.parse(await runTool([...node, ...argv], { timeoutMs: 120_000 }))
  return failed.length > 0 ? `failed: ${failed.map((args) => args.join(' ')).join('; ')}` : ''
}

/** A cache can only be made, and used, by the same Node on the same architecture. */
async function makeBlob(work: ExecutableWork, node: string[] | undefined): Promise<string> {
  const { workPath } = work
  const hasCache = node !== undefined
  await compile(work, 'loader', {
    MOJABOX_VERSION: JSON.stringify(work.version),
    MOJABOX_HAS_CACHE: String(hasCache),
  })
  const assets = await readdir(assetsPath(work))
  const blobPath = join(workPath, 'sea.blob')
  const config = {
    main: join(workPath, 'loader.cjs'),
    output: blobPath,
    disableExperimentalSEAWarning: true,
    useSnapshot: false,
    useCodeCache: hasCache,
    execArgvExtension: 'none',
    assets: Object.fromEntries(assets.map((name) => [name, join(assetsPath(work), name)])),
  }
  const configPath = join(workPath, 'sea.json')
  await writeFile(configPath, JSON.stringify(config))
  const maker = node ?? [await nodeBinary(`linux-${process.arch}` as Target)]
  await runTool([...maker, '--experimental-sea-config', configPath])
  return blobPath
}

async function compile(work: ExecutableWork, name: string, define: Record<string, string>): Promise<void> {
  await build({
    entryPoints: [join(import.meta.dirname, `${name}.ts`)],
    outfile: join(work.workPath, `${name}.cjs`),
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node24',
    minifySyntax: true,
    logLevel: 'warning',
    define,
  })
}

function assetsPath(work: ExecutableWork): string {
  return join(work.workPath, 'assets')
}

async function smoke(executable: string[], version: string): Promise<void> {
  const said = (await runTool([...executable, '--version'])).trim()
  if (said !== version) throw new Error(`the executable says version ${said}, expected ${version}`)
}
