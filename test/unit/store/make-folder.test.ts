import { mkdtemp, rm, stat, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished, vi } from 'vitest'
import { makeFolder } from '../../../agent/store/make-folder.ts'

const READ_ONLY = '/read-only'

// A file system that is read-only, as Node tells of it; the rest is real.
vi.mock('node:fs/promises', async (original) => {
  const real = await original<typeof import('node:fs/promises')>()
  const mkdir = async (path: string, options?: { recursive?: boolean }) => {
    if (path === READ_ONLY) return undefined
    if (!path.startsWith(READ_ONLY)) return real.mkdir(path, options)
    const code = options?.recursive || path !== `${READ_ONLY}/a` ? 'ENOENT' : 'EROFS'
    throw Object.assign(new Error(code), { code, path, syscall: 'mkdir' })
  }
  return { ...real, default: { ...real, mkdir }, mkdir }
})

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'mojabox-folder-'))
  onTestFinished(() => rm(path, { recursive: true }))
  return path
}

it('makes a folder and those above it, with the mode that is asked for', async () => {
  const path = join(await folder(), 'a', 'b')
  await makeFolder(path, 0o700)
  await makeFolder(path, 0o755)
  expect((await stat(path)).mode & 0o777).toBe(0o700)
})

it('says of a read-only file system that it is one', async () => {
  await expect(makeFolder(`${READ_ONLY}/a/b`)).rejects.toMatchObject({ code: 'EROFS' })
})

it('says what is in the way', async () => {
  const path = await folder()
  await symlink('/nowhere', join(path, 'link'))
  await expect(makeFolder(join(path, 'link', 'b'))).rejects.toMatchObject({ code: 'ENOTDIR' })
})
