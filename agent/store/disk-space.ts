import type { FileHandle } from 'node:fs/promises'
import { MojaboxError } from '../../bundles/format/error.ts'

/** A write may take less than it was given. */
export async function writeAll(file: FileHandle, bytes: Buffer, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, position + done)
    done += bytesWritten
  }
}

/** The file system has no room left. */
export function isNoSpace(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOSPC'
}

/** Names the file and the bytes that did not fit. */
export function noSpace(path: string, bytes: number): MojaboxError {
  return new MojaboxError({
    code: 'disk-full',
    kind: 'step',
    message: 'the disk is full',
    found: `no space left for ${path}`,
    needed: `${bytes} bytes`,
    next: 'free some space on that file system, then run the same command again: it resumes',
  })
}
