import { readFile } from 'node:fs/promises'

/** A small text file's content; null when it is not there or may not be read. */
export async function readText(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8')
  } catch {
    return null
  }
}

/** A file that holds one number; null when it does not. */
export async function readNumber(path: string): Promise<number | null> {
  const text = (await readText(path))?.trim()
  return text && Number.isFinite(Number(text)) ? Number(text) : null
}
