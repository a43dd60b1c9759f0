import { open, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { isNoSpace, writeAll } from '../../../agent/store/disk-space.ts'
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
