import { copyFile } from 'node:fs/promises'
import { signaturePath } from '../../../bundles/format/signature.ts'

/** Copies a bundle with its signatures. */
export async function copySigned(from: string, to: string): Promise<void> {
  await copyFile(from, to)
  await copyFile(signaturePath(from), signaturePath(to))
}
