import { chmod, lstat, mkdir, readFile, readlink, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import type { Json } from '../../../agent/contract/step.ts'
import { type FileParams, file } from '../../../agent/engine/steps/file.ts'
import { secret } from '../../../agent/engine/steps/secret.ts'
import { contextOf } from './step-context.ts'
import { temporaryFolder } from './temporary-folder.ts'

vi.mock('../../../agent/contract/paths.ts', async () => (await import('./node-paths.ts')).pathsBelow())

const context = contextOf()

async function paramsIn(folder: string, changes: Partial<FileParams> = {}): Promise<FileParams> {
  const { uid, gid } = await stat(folder)
  return { path: join(folder, 'a', 'b', 'file'), content: 'ours', mode: 0o640, uid, gid, title: 'file b', ...changes }
}

async function appliedIn(folder: string, changes: Partial<FileParams> = {}) {
  const params = await paramsIn(folder, changes)
  const before = (await file.before?.(context, params)) as Json
  await file.apply(context, params)
  return { params, before }
}

describe('file', () => {
  it('is there with its content, mode and owner, and is seen as done only then', async () => {
    const folder = await temporaryFolder()
    const params = await paramsIn(folder)
    expect(await file.isDone(context, params)).toBe(false)
    await file.apply(context, params)
    expect(await readFile(params.path, 'utf8')).toBe('ours')
    expect((await stat(params.path)).mode & 0o7777).toBe(0o640)
    expect(await file.isDone(context, params)).toBe(true)
    expect(await file.isDone(context, { ...params, content: 'other' })).toBe(false)
    expect(await file.isDone(context, { ...params, mode: 0o600 })).toBe(false)
    expect(await file.isDone(context, { ...params, uid: 12345 })).toBe(false)
  })

  it('is mended when somebody changed it', async () => {
    const folder = await temporaryFolder()
    const { params } = await appliedIn(folder)
    await writeFile(params.path, 'changed')
    await chmod(params.path, 0o666)
    expect(await file.isDone(context, params)).toBe(false)
    await file.apply(context, params)
    expect(await file.isDone(context, params)).toBe(true)
  })

  it('holds the secrets, which its parameters never do', async () => {
    await secret.apply(context, { name: 'ledger', bytes: 16 })
    const folder = await temporaryFolder()
    const { params } = await appliedIn(folder, { content: 'password={{secret:ledger}}', mode: 0o600 })
    expect(await readFile(params.path, 'utf8')).toMatch(/^password=[0-9a-f]{32}$/)
    expect(await file.isDone(context, params)).toBe(true)
    expect(JSON.stringify(params)).toContain('{{secret:ledger}}')
  })

  it('leaves nothing half-written beside it', async () => {
    const folder = await temporaryFolder()
    const { params } = await appliedIn(folder)
    expect(await readdirOf(dirname(params.path))).toEqual(['file'])
  })

  it('leaves nothing of what a power cut left half-written, and follows no link in its place', async () => {
    const folder = await temporaryFolder()
    const { params, before } = await appliedIn(folder)
    const partial = `${params.path}.partial`
    await writeFile(partial, 'ou', { mode: 0o666 })
    await file.apply(context, params)
    expect(await readdirOf(dirname(params.path))).toEqual(['file'])
    await writeFile(join(folder, 'other'), 'kept')
    await symlink(join(folder, 'other'), partial)
    await file.apply(context, params)
    expect(await readFile(join(folder, 'other'), 'utf8')).toBe('kept')
    expect((await lstat(params.path)).isFile()).toBe(true)
    await writeFile(partial, 'ou')
    await file.undo?.(context, params, before)
    expect(await readdirOf(folder)).toEqual(['other'])
  })

  it('is taken away again with the folders that were made for it', async () => {
    const folder = await temporaryFolder()
    const { params, before } = await appliedIn(folder)
    await file.undo?.(context, params, before)
    expect(await readdirOf(folder)).toEqual([])
  })

  it('leaves a folder that by now holds something else', async () => {
    const folder = await temporaryFolder()
    const { params, before } = await appliedIn(folder)
    await writeFile(join(folder, 'a', 'theirs'), '')
    await file.undo?.(context, params, before)
    expect(await readdirOf(join(folder, 'a'))).toEqual(['theirs'])
  })

  it('gives a file back that was there, with its content, mode and owner', async () => {
    const folder = await temporaryFolder()
    await mkdir(join(folder, 'a', 'b'), { recursive: true })
    const theirs = Buffer.from([0, 255, 10, 128])
    await writeFile(join(folder, 'a', 'b', 'file'), theirs)
    await chmod(join(folder, 'a', 'b', 'file'), 0o4711)
    const { params, before } = await appliedIn(folder)
    await file.undo?.(context, params, JSON.parse(JSON.stringify(before)))
    expect(await readFile(params.path)).toEqual(theirs)
    expect((await stat(params.path)).mode & 0o7777).toBe(0o4711)
  })

  it('gives a link back that was there, and leaves alone what it led to', async () => {
    const folder = await temporaryFolder()
    await mkdir(join(folder, 'a', 'b'), { recursive: true })
    await writeFile(join(folder, 'theirs'), 'theirs')
    await symlink(join(folder, 'theirs'), join(folder, 'a', 'b', 'file'))
    const { params, before } = await appliedIn(folder)
    expect(await readFile(join(folder, 'theirs'), 'utf8')).toBe('theirs')
    await file.undo?.(context, params, before)
    expect(await readlink(params.path)).toBe(join(folder, 'theirs'))
    expect(await readFile(join(folder, 'theirs'), 'utf8')).toBe('theirs')
  })

  it.each([
    ['a folder', (path: string) => mkdir(path)],
    ['a large file', (path: string) => writeFile(path, Buffer.alloc(300_000))],
  ])('does not replace %s, and says what to do', async (_what, make) => {
    const folder = await temporaryFolder()
    const params = await paramsIn(folder)
    await mkdir(dirname(params.path), { recursive: true })
    await make(params.path)
    const error = await file.before?.(context, params).catch((thrown) => thrown)
    expect(error).toMatchObject({ facts: { kind: 'step', next: expect.stringContaining(params.path) } })
  })

  it('can be undone twice', async () => {
    const folder = await temporaryFolder()
    const { params, before } = await appliedIn(folder)
    await file.undo?.(context, params, before)
    await file.undo?.(context, params, before)
    await rm(folder, { recursive: true })
    await file.undo?.(context, params, before)
  })

  it('is not taken for done where a link of that content lies: that may lead anywhere', async () => {
    const folder = await temporaryFolder()
    const { params } = await appliedIn(folder)
    await rm(params.path)
    await writeFile(join(folder, 'elsewhere'), 'ours')
    await chmod(join(folder, 'elsewhere'), 0o640)
    await symlink(join(folder, 'elsewhere'), params.path)
    expect(await file.isDone(context, params)).toBe(false)
    await file.apply(context, params)
    expect((await lstat(params.path)).isFile()).toBe(true)
  })
})

async function readdirOf(path: string): Promise<string[]> {
  const { readdir } = await import('node:fs/promises')
  return readdir(path)
}
