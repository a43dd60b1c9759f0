import { MojaboxError } from '../format/error.ts'

/** A write error as one clear message; what is no lack of space, size or permission stays what it is. */
export function diskFull(error: unknown, path: string): unknown {
  const { code } = error as NodeJS.ErrnoException
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new MojaboxError(
      {
        code: 'disk-full',
        kind: 'usage',
        message: `writing ${path}: no space left`,
        found: code === 'ENOSPC' ? 'a full disk' : 'a full quota',
        needed: 'space for what is written',
        next: 'free some, or choose another disk (-o FILE, and MOJABOX_CACHE for the cache)',
      },
      { cause: error },
    )
  }
  if (code === 'EFBIG') {
    return new MojaboxError(
      {
        code: 'file-too-large',
        kind: 'usage',
        message: `writing ${path}: its file system takes no file of that size`,
        found: 'a file system such as FAT, whose files are below 4 GiB',
        needed: 'room for one large file, or smaller parts',
        next: 'write elsewhere, then: mojabox bundle split FILE --size 4G -o FOLDER',
      },
      { cause: error },
    )
  }
  if (
    code === 'EACCES' ||
    code === 'EPERM' ||
    code === 'EROFS' ||
    code === 'ENOENT' ||
    code === 'EISDIR' ||
    code === 'ENOTDIR'
  ) {
    return new MojaboxError(
      {
        code: 'cannot-write',
        kind: 'usage',
        message: `writing ${path}: not possible`,
        found: (error as Error).message,
        needed: 'a folder that exists and that this user may write to',
        next: 'choose another path (-o FILE, and MOJABOX_CACHE for the cache)',
      },
      { cause: error },
    )
  }
  return error
}
