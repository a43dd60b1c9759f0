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

/**
 * What the system says of a disk that cannot be written to, as an error that a person can do something about.
 * @returns undefined for any other error
 */
export function diskFailure(error: unknown): MojaboxError | undefined {
  if (!(error instanceof Error)) return undefined
  const { code, path } = error as NodeJS.ErrnoException
  const failure = FAILURES[code ?? '']
  if (!failure) return undefined
  const next = `${failure.next(path ?? '/var/lib/mojabox')}, then run the same command again: it resumes`
  return new MojaboxError({ ...failure, kind: 'step', found: error.message, next }, { cause: error })
}

const FULL = {
  code: 'disk-full',
  message: 'the disk is full',
  needed: 'room, and inodes, for what mojabox writes',
  next: (path: string) => `free some space on that file system (df -h ${path}; df -i ${path})`,
}

const FAILURES: Record<string, typeof FULL> = {
  ENOSPC: FULL,
  EDQUOT: FULL,
  EROFS: {
    code: 'disk-read-only',
    message: 'the file system is read-only',
    needed: 'a file system that can be written to',
    next: (path) => `see why with dmesg and findmnt -T ${path}, and mount it to be written to`,
  },
  EIO: {
    code: 'disk-failing',
    message: 'the disk does not do what it is asked',
    needed: 'a disk that works',
    next: (path) => `see with dmesg what it says, and mend or replace the disk of ${path} (findmnt -T)`,
  },
}
