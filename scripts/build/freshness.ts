import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, rename, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { TARGETS, type Target } from './target.ts'
import { findTool } from './tool.ts'

/** What the last build of one executable was made from, and the file it left. */
interface BuildRecord {
  inputs: string[]
  digest: string
  sizeBytes: number
  modifiedMs: number
}

type BuildRecords = Partial<Record<Target, BuildRecord>>

/** Files besides the bundled sources that decide what is built. */
async function buildFiles(rootPath: string): Promise<string[]> {
  const scripts = await readdir(join(rootPath, 'scripts', 'build'))
  const lock = ['package.json', 'package-lock.json', 'node_modules/.package-lock.json', 'tsconfig.json']
  return [...lock, 'scripts/build.ts', ...scripts.map((name) => `scripts/build/${name}`)]
}

/** True when the executable of a target is the one its current inputs gave. */
export async function isFresh(rootPath: string, target: Target, executablePath: string): Promise<boolean> {
  const record = (await readRecords(rootPath))[target]
  if (!record) return false
  const file = await stat(executablePath).catch(() => undefined)
  if (file?.size !== record.sizeBytes || file.mtimeMs !== record.modifiedMs) return false
  return (await digestInputs(rootPath, target, record.inputs)) === record.digest
}

/** Digest of everything the executable of a target is made from; sources that are gone count as changed. */
export async function digestInputs(rootPath: string, target: Target, sources: string[]): Promise<string> {
  const hash = createHash('sha256')
  for (const path of [...(await buildFiles(rootPath)), ...sources].toSorted()) {
    const content = await readFile(join(rootPath, path)).catch(() => 'missing')
    hash.update(`${path}\0${createHash('sha256').update(content).digest('hex')}\0`)
  }
  const { strips, emulators } = TARGETS[target]
  const tools = [findTool(strips), findTool(emulators)].map((path) => path !== undefined)
  return hash.update(JSON.stringify(tools)).digest('hex')
}

/** Notes what an executable was made from: `digest` is that of its inputs as they were when they were read. */
export async function recordBuild(
  rootPath: string,
  target: Target,
  made: { executablePath: string; inputs: string[]; digest: string },
): Promise<void> {
  const { size, mtimeMs } = await stat(made.executablePath)
  const record: BuildRecord = { inputs: made.inputs, digest: made.digest, sizeBytes: size, modifiedMs: mtimeMs }
  const path = recordsPath(rootPath)
  await mkdir(dirname(path), { recursive: true })
  await writeFile(`${path}.${process.pid}`, JSON.stringify({ ...(await readRecords(rootPath)), [target]: record }))
  await rename(`${path}.${process.pid}`, path)
}

async function readRecords(rootPath: string): Promise<BuildRecords> {
  return readFile(recordsPath(rootPath), 'utf8')
    .then((text) => JSON.parse(text) as BuildRecords)
    .catch(() => ({}))
}

function recordsPath(rootPath: string): string {
  return join(rootPath, 'dist', '.build.json')
}
