import { join } from 'node:path'
import { run } from '../../../test/lab/process.ts'

/** What somebody has who saved the images at the desk before the clock starts. */
export interface SavedTars {
  plain: string
  zstd: string
}

/** Into a folder; takes half a minute. */
export async function saveTars(folder: string, tags: string[]): Promise<SavedTars> {
  const plain = join(folder, 'saved.tar')
  const zstd = `${plain}.zst`
  await run(['docker', 'save', '--output', plain, ...tags])
  await run(['zstd', '-q', '-3', '-T0', plain, '-o', zstd])
  return { plain, zstd }
}
