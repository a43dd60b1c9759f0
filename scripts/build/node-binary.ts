import { createHash } from 'node:crypto'
import { access, mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { extract } from 'tar'
import { NODE_VERSION, TARGETS, type Target } from './target.ts'
import { findTool, runTool } from './tool.ts'

/**
 * The path of the pinned Node executable for a target, downloaded on first use.
 * Only a package whose digest equals the pin is ever unpacked into the cache.
 */
export async function nodeBinary(target: Target): Promise<string> {
  const folder = join(cacheFolder(), `${NODE_VERSION}-${target}`)
  const path = join(folder, 'bin', 'node')
  if (await exists(path)) return path
  await mkdir(cacheFolder(), { recursive: true })
  const work = await mkdtemp(join(cacheFolder(), '.download-'))
  try {
    const archive = await download(target, work)
    const unpacked = join(work, 'unpacked')
    await mkdir(unpacked)
    const wanted = ['package/bin/node', 'package/LICENSE']
    await extract({ file: archive, cwd: unpacked, strip: 1, filter: (name) => wanted.includes(name) })
    await rename(unpacked, folder).catch(async (error) => {
      if (!(await exists(path))) throw error
    })
  } finally {
    await rm(work, { recursive: true, force: true })
  }
  return path
}

/** The argv prefix that runs a target's executables here; undefined when this machine cannot. */
export async function runnerFor(target: Target, node: string): Promise<string[] | undefined> {
  const facts = TARGETS[target]
  if (process.platform === 'linux' && process.arch === facts.arch) return []
  const emulator = findTool(facts.emulators)
  if (!emulator) return undefined
  const runner = [emulator, '-L', facts.librariesPath]
  try {
    await runTool([...runner, node, '--version'], { timeoutMs: 60_000 })
    return runner
  } catch {
    return undefined
  }
}

async function download(target: Target, folder: string): Promise<string> {
  const { nodePackage, nodeIntegrity } = TARGETS[target]
  await runTool(['npm', 'pack', `${nodePackage}@${NODE_VERSION}`, '--pack-destination', folder], { cwd: folder })
  const path = join(folder, `${nodePackage}-${NODE_VERSION}.tgz`)
  const found = `sha512-${createHash('sha512')
    .update(await readFile(path))
    .digest('base64')}`
  if (found !== nodeIntegrity) {
    throw new Error(`refusing ${nodePackage}@${NODE_VERSION}: its integrity is ${found}, pinned is ${nodeIntegrity}`)
  }
  return path
}

function cacheFolder(): string {
  return join(process.env.MOJABOX_CACHE || join(homedir(), '.cache', 'mojabox'), 'node')
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}
