import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { join, relative } from 'node:path'

/** Where the lab keeps downloads, logs and the registry's blobs: outside the repository, shared by all checkouts. */
export function cachePath(...segments: string[]): string {
  const root = process.env.MOJABOX_LAB_CACHE ?? join(homedir(), '.cache', 'mojabox-lab')
  mkdirSync(root, { recursive: true })
  return join(root, ...segments)
}

/**
 * A short key over everything that decides how an image turns out: files (a folder is taken with all it holds, by
 * relative name, mode and content) and plain facts such as versions or the key of the image it is built on.
 */
export function inputsKey(paths: readonly string[], facts: Readonly<Record<string, string>>): string {
  const hash = createHash('sha256')
  for (const [name, value] of Object.entries(facts).sort()) hash.update(`${name}=${value}\n`)
  for (const path of paths) {
    for (const file of filesIn(path)) {
      const executable = (statSync(file).mode & 0o100) !== 0
      hash.update(`${relative(path, file)} ${executable}\n`).update(readFileSync(file))
    }
  }
  return hash.digest('hex').slice(0, 16)
}

/** Calls `use` with an empty folder in the cache, and removes the folder afterwards. */
export async function withScratchFolder<T>(name: string, use: (path: string) => Promise<T>): Promise<T> {
  const path = mkdtempSync(cachePath(`${name}-`))
  try {
    return await use(path)
  } finally {
    rmSync(path, { recursive: true, force: true })
  }
}

function filesIn(path: string): string[] {
  if (!statSync(path).isDirectory()) return [path]
  return readdirSync(path)
    .sort()
    .flatMap((name) => filesIn(join(path, name)))
}
