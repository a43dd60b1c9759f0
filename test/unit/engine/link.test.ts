import { mkdir, readdir, readFile, readlink, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { Json } from '../../../agent/contract/step.ts'
import { link } from '../../../agent/engine/steps/link.ts'
import { contextOf } from './step-context.ts'
import { temporaryFolder } from './temporary-folder.ts'

const context = contextOf()

async function setUp() {
  const folder = await temporaryFolder()
  return { folder, params: { path: join(folder, 'bin', 'mojabox'), target: '/var/lib/mojabox/bin/mojabox' } }
}

describe('link', () => {
  it('leads where it should, in a folder made for it, and both go again', async () => {
    const { folder, params } = await setUp()
    expect(await link.isDone(context, params)).toBe(false)
    const before = (await link.before?.(context, params)) as Json
    await link.apply(context, params)
    expect(await readlink(params.path)).toBe(params.target)
    expect(await link.isDone(context, params)).toBe(true)
    expect(await readdir(dirname(params.path))).toEqual(['mojabox'])
    await link.undo?.(context, params, before)
    expect(await readdir(folder)).toEqual([])
  })

  it('replaces a link that leads elsewhere, and gives it back', async () => {
    const { params } = await setUp()
    await mkdir(dirname(params.path))
    await symlink('/opt/old/mojabox', params.path)
    const before = (await link.before?.(context, params)) as Json
    await link.apply(context, params)
    expect(await readlink(params.path)).toBe(params.target)
    await link.undo?.(context, params, before)
    expect(await readlink(params.path)).toBe('/opt/old/mojabox')
  })

  it('leaves a program alone that a person put there: an install must not fail at its end', async () => {
    const { params } = await setUp()
    await mkdir(dirname(params.path))
    await writeFile(params.path, 'theirs', { mode: 0o755 })
    expect(await link.isDone(context, params)).toBe(true)
    expect(await readFile(params.path, 'utf8')).toBe('theirs')
  })

  it('is not troubled by what a killed run left, wherever that leads', async () => {
    const { params } = await setUp()
    await mkdir(dirname(params.path))
    await symlink('/somewhere/else', `${params.path}.mojabox`)
    await link.apply(context, params)
    expect(await link.isDone(context, params)).toBe(true)
  })

  it('refuses to replace a folder, saying what to do', async () => {
    const { params } = await setUp()
    await mkdir(params.path, { recursive: true })
    expect(await link.isDone(context, params)).toBe(false)
    await expect(link.before?.(context, params)).rejects.toMatchObject({
      facts: { kind: 'step', next: expect.stringContaining(params.path) },
    })
  })
})
