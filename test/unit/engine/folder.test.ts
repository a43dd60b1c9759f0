import { execFileSync } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { NodeBundle } from '../../../agent/contract/step.ts'
import { folder } from '../../../agent/engine/steps/folder.ts'
import { digestOf } from '../../../bundles/format/digest.ts'
import { orderOf } from '../service/orders.ts'
import { contextOf } from './step-context.ts'

const filesOf = (texts: Record<string, string>) =>
  Object.entries(texts).map(([path, text]) => ({ path, digest: digestOf(text) }))
const contextWith = (texts: Record<string, string>) => {
  const bundle: Pick<NodeBundle, 'readBlob'> = {
    readBlob: async (digest) => Buffer.from(Object.values(texts).find((text) => digestOf(text) === digest) ?? ''),
  }
  return contextOf({ bundle: bundle as NodeBundle })
}

const FIRST = { 'collections/tests/p2p.json': '{"a":1}', 'environments/default-env.json': '{}' }
const LATER = { 'collections/tests/p2p.json': '{"a":2}' }
const uid = process.getuid?.() ?? 0

let root = ''
let path = ''
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'mojabox-folder-'))
  path = join(root, 'test-files')
})
afterEach(() => rm(root, { recursive: true, force: true }))

const apply = (texts: Record<string, string>) => folder.apply(contextWith(texts), { path, uid, files: filesOf(texts) })
const isDone = (texts: Record<string, string>) => folder.isDone(contextOf(), { path, uid, files: filesOf(texts) })
const here = async () =>
  (await readdir(path, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile() && !entry.name.startsWith('.'))
    .map((entry) => join(entry.parentPath, entry.name).slice(path.length + 1))
    .sort()

describe('a folder that services mount', () => {
  it('holds the bundle’s files, and mends one that is gone or changed', async () => {
    expect(await isDone(FIRST)).toBe(false)
    await apply(FIRST)
    expect(await isDone(FIRST)).toBe(true)
    await writeFile(join(path, 'collections/tests/p2p.json'), 'changed')
    await rm(join(path, 'environments'), { recursive: true })
    expect(await isDone(FIRST)).toBe(false)
    await apply(FIRST)
    expect(await readFile(join(path, 'collections/tests/p2p.json'), 'utf8')).toBe('{"a":1}')
    expect(await here()).toEqual(Object.keys(FIRST))
  })

  it('leaves nothing of what a power cut left half-written', async () => {
    await apply(FIRST)
    const half = join(path, 'collections/tests/.p2p.json.partial')
    await writeFile(half, '{')
    await writeFile(join(root, '.test-files.from-bundle.json.partial'), '[')
    await apply(LATER)
    expect(await readdir(join(path, 'collections/tests'))).toEqual(['p2p.json'])
    expect((await readdir(root)).filter((name) => name.endsWith('.partial'))).toEqual([])
  })

  it('lets go what a later bundle lacks, and keeps what the site put there', async () => {
    await apply(FIRST)
    await writeFile(join(path, 'collections/own.json'), 'own')
    expect(await isDone(LATER)).toBe(false)
    await apply(LATER)
    expect(await isDone(LATER)).toBe(true)
    expect(await here()).toEqual(['collections/own.json', 'collections/tests/p2p.json'])
    expect((await readdir(path)).includes('environments')).toBe(false)
  })

  it('goes with an uninstall, but for what others put there, which goes with the data', async () => {
    await apply(FIRST)
    await folder.undo?.(contextOf(), { path, uid, files: filesOf(FIRST) }, null)
    expect(await readdir(root)).toEqual([])
    await apply({})
    await writeFile(join(path, 'report.html'), 'report')
    await folder.undo?.(contextOf(), { path, uid, files: [] }, null)
    expect(await here()).toEqual(['report.html'])
    await folder.undo?.(contextOf({ order: orderOf({ deleteData: true }) }), { path, uid, files: [] }, null)
    await expect(readdir(path)).rejects.toThrow('ENOENT')
  })

  it('removes nothing that a service names in its own folder', async () => {
    const victim = join(root, 'victim')
    await writeFile(victim, 'stays')
    await apply({})
    await writeFile(join(path, '.from-bundle.json'), JSON.stringify(['../victim']))
    await apply({})
    await folder.undo?.(contextOf(), { path, uid, files: [] }, null)
    expect(await readFile(victim, 'utf8')).toBe('stays')
  })

  it.each([
    ['a file', 'collections/tests/p2p.json', 'victim'],
    ['a folder on the way', 'collections/tests', 'outside'],
    ['the first folder', 'collections', 'outside'],
  ])('writes and removes nothing where a service put a link in the place of %s', async (_what, place, target) => {
    await mkdir(join(root, 'outside', 'tests'), { recursive: true })
    const victims = ['victim', 'outside/p2p.json', 'outside/tests/p2p.json']
    for (const victim of victims) await writeFile(join(root, victim), 'stays')
    await apply(FIRST)
    await rm(join(path, place), { recursive: true })
    await symlink(join(root, target), join(path, place))
    expect(await isDone(FIRST)).toBe(false)
    await apply(FIRST)
    expect(await isDone(FIRST)).toBe(true)
    await rm(join(path, place), { recursive: true })
    await symlink(join(root, target), join(path, place))
    await folder.undo?.(contextOf(), { path, uid, files: filesOf(FIRST) }, null)
    for (const victim of victims) expect(await readFile(join(root, victim), 'utf8')).toBe('stays')
  })

  it('waits for nobody where a service put a pipe in the place of a file', async () => {
    await apply(FIRST)
    const file = join(path, 'environments/default-env.json')
    await rm(file)
    execFileSync('mkfifo', [file])
    expect(await isDone(FIRST)).toBe(false)
    await apply(FIRST)
    expect(await isDone(FIRST)).toBe(true)
  })

  it('puts its file where a service put a folder', async () => {
    await mkdir(join(path, 'environments/default-env.json/deep'), { recursive: true })
    await apply(FIRST)
    expect(await isDone(FIRST)).toBe(true)
    expect((await readdir(join(path, 'environments'))).sort()).toEqual(['default-env.json'])
  })

  it('says that it takes an install where there is no bundle', async () => {
    const error = await folder.apply(contextOf(), { path, uid, files: filesOf(FIRST) }).catch((thrown) => thrown)
    expect(error).toMatchObject({ facts: { code: 'bundle-needed', next: 'mojabox install' } })
  })

  it('is not there where a file has its name', async () => {
    await mkdir(root, { recursive: true })
    await writeFile(path, '')
    expect(await isDone({})).toBe(false)
  })
})
