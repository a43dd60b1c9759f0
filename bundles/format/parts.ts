import { readdir, stat } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { bytesText } from './bytes-text.ts'
import { MojaboxError } from './error.ts'

/** The most parts that one bundle is split into: their numbers have three digits. */
export const MAX_PARTS = 999

/** A part's path: `hub.tar.001` is the first of `hub.tar`. */
export function partPath(path: string, number: number): string {
  return `${path}.${String(number).padStart(3, '0')}`
}

/** The name that the parts share: `hub.tar` of `hub.tar.001`; any other path stays as it is. */
export function wholePath(path: string): string {
  return path.replace(/\.001$/, '')
}

/** Numbers of the parts of a bundle that are there, in order. */
export async function partNumbers(path: string): Promise<number[]> {
  const names = await readdir(dirname(path)).catch(() => [])
  const prefix = `${basename(path)}.`
  const endings = names.filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length))
  return endings
    .filter((ending) => /^\d{3}$/.test(ending) && ending !== '000')
    .map(Number)
    .sort((one, other) => one - other)
}

/**
 * The files that a name stands for: itself; all the parts where it is the first of them, or where only parts of that
 * name are there.
 * @throws MojaboxError `part-missing`, `part-short`, `part-not-first`
 */
export async function filesOf(path: string): Promise<string[]> {
  const found = await stat(path).catch(() => undefined)
  const [, before, number] = /^(.+)\.(\d{3})$/.exec(path) ?? []
  if (before !== undefined && number !== undefined && (await partNumbers(before)).includes(1)) {
    if (number !== '001') throw notFirst(path, partPath(before, 1))
    return allParts(before)
  }
  if (found !== undefined) return [path]
  return (await partNumbers(path)).length > 0 ? allParts(path) : [path]
}

async function allParts(whole: string): Promise<string[]> {
  const numbers = await partNumbers(whole)
  const paths = Array.from({ length: numbers.at(-1) ?? 0 }, (_, at) => partPath(whole, at + 1))
  const missing = paths.find((_, at) => !numbers.includes(at + 1))
  if (missing !== undefined) throw partMissing(missing, `${numbers.length} other parts`)
  const sizes = await Promise.all(paths.map(async (path) => (await stat(path)).size))
  const wholeBytes = Math.max(...sizes)
  // All but the last have one size.
  const short = sizes.slice(0, -1).findIndex((bytes) => bytes !== wholeBytes)
  const path = paths[short]
  if (path !== undefined) throw partShort(path, sizes[short] ?? 0, `${wholeBytes} bytes, as the others have`)
  return paths
}

/**
 * Of a bundle that ends too early: which of its parts does. `sizes` are theirs in bytes; undefined for a bundle that
 * is one file.
 */
export function cutPart(paths: readonly string[], sizes: readonly number[]): MojaboxError | undefined {
  const [first = ''] = paths
  const last = paths.at(-1) ?? first
  const whole = wholePath(first)
  if (whole === first) return undefined
  const [lastBytes = 0, firstBytes = 0] = [sizes.at(-1), sizes[0]]
  if (lastBytes < firstBytes) return partShort(last, lastBytes, 'the whole part, as it was split')
  return partMissing(partPath(whole, paths.length + 1), `only ${paths.map((path) => basename(path)).join(', ')}`)
}

function partMissing(path: string, found: string): MojaboxError {
  return new MojaboxError({
    code: 'part-missing',
    kind: 'bundle',
    message: `opening ${path.replace(/\.\d{3}$/, '')}: a part is missing: ${basename(path)}`,
    found: `${found} in ${dirname(path)}`,
    needed: path,
    next: `copy ${basename(path)} beside the others, then run the same command again`,
  })
}

function partShort(path: string, bytes: number, needed: string): MojaboxError {
  return new MojaboxError({
    code: 'part-short',
    kind: 'bundle',
    message: `opening ${path.replace(/\.\d{3}$/, '')}: a part is cut short: ${basename(path)}`,
    found: `${bytes} bytes (${bytesText(bytes)})`,
    needed,
    next: `copy ${basename(path)} again, then run the same command again`,
  })
}

function notFirst(path: string, first: string): MojaboxError {
  return new MojaboxError({
    code: 'part-not-first',
    kind: 'bundle',
    message: `opening ${path}: it is a part of a bundle, and not the first`,
    found: basename(path),
    needed: first,
    next: `name the first part: ${first}`,
  })
}
