import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

/**
 * A file of the page by its name; undefined when there is none. From the folder beside this file where mojabox runs
 * from its sources; in the executable this file is another, which the build makes of what lies in that folder.
 */
export async function readAsset(name: string): Promise<string | undefined> {
  if (!/^[a-z]+(-[a-z]+)*\.(html|css|js|svg)$/.test(name)) return undefined
  return readFile(join(import.meta.dirname, 'assets', name), 'utf8').catch(() => undefined)
}
