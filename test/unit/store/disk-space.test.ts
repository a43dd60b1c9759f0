import { open, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { diskFailure, isNoSpace, writeAll } from '../../../agent/store/disk-space.ts'
import { temporaryStore } from './temporary-store.ts'

it('knows a full disk by its code, whatever else was thrown', async () => {
  const full = await open('/dev/full', 'w')
  const error = await full.writeFile('x').catch((thrown) => thrown)
  await full.close()
  expect(isNoSpace(error)).toBe(true)
  expect(isNoSpace(new Error('ENOSPC'))).toBe(false)
  expect(isNoSpace('ENOSPC')).toBe(false)
})

it('writes at the place it is told', async () => {
  const path = join((await temporaryStore()).root, 'file')
  const file = await open(path, 'w')
  await writeAll(file, Buffer.from('world'), 6)
  await writeAll(file, Buffer.from('hello '), 0)
  await file.close()
  expect(await readFile(path, 'utf8')).toBe('hello world')
})

describe('diskFailure', () => {
  const refused = (code: string) =>
    Object.assign(new Error(`${code}: what the system says, open '/var/x'`), { code, path: '/var/x' })

  it('says of a disk that cannot be written to what it is, where, and what to do', () => {
    const codes = ['ENOSPC', 'EDQUOT', 'EROFS', 'EIO'].map((code) => diskFailure(refused(code))?.facts.code)
    expect(codes).toEqual(['disk-full', 'disk-full', 'disk-read-only', 'disk-failing'])
    const { kind, found, needed, next } = diskFailure(refused('EROFS'))?.facts ?? {}
    expect({ kind, found }).toEqual({ kind: 'step', found: "EROFS: what the system says, open '/var/x'" })
    expect(needed).toBeTruthy()
    expect(next).toMatch(/findmnt -T \/var\/x[\s\S]*run the same command again/)
  })

  it('has nothing to say of other errors', () => {
    expect(diskFailure(refused('ENOENT'))).toBeUndefined()
    expect(diskFailure('ENOSPC')).toBeUndefined()
  })
})
