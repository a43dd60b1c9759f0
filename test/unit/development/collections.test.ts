import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ToolkitOrder } from '../../../agent/contract/node-answer.ts'
import { type Collections, chooseCollections, collectionsIn } from '../../../agent/development/collections.ts'
import { factsOf } from '../../../bundles/format/error.ts'
import { parseToolkitReport } from '../../../installer/testing/toolkit-report.ts'

const CASES = JSON.stringify({ name: 'p2p', test_cases: [{ id: 1, name: 'p2p', requests: [] }] })
const collections = (texts: Record<string, string>): Collections => ({
  from: 'hub.tar',
  texts: new Map(Object.entries(texts)),
  environments: new Map(),
})
const refusal = (work: () => unknown) => {
  try {
    work()
  } catch (error) {
    return factsOf(error)
  }
  throw new Error('nothing was refused')
}

describe('chooseCollections', () => {
  const carried = collections({
    'tests/p2p.json': CASES,
    'tests/master.json': '{"order":[]}',
    'provisioning/hub.json': '{ "test_cases": [\n  { "id": 1, }\n] }',
  })

  it('takes files and folders, and reads only what is to run', () => {
    expect(chooseCollections(carried, ['tests'])).toEqual(['tests'])
    expect(chooseCollections(carried, ['./tests/p2p.json'])).toEqual(['tests/p2p.json'])
  })

  it('names file, line and column of what cannot be parsed', () => {
    expect(refusal(() => chooseCollections(carried, ['provisioning']))).toMatchObject({
      code: 'collection-invalid',
      kind: 'usage',
      message: 'the collection provisioning/hub.json cannot be read',
      found: expect.stringContaining('line 2, column 14'),
    })
  })

  it('finds the place where the engine’s message does not say it', () => {
    for (const [text, place] of [
      ['{ "test_cases": [\n  }', 'line 2, column 3'],
      ['{"a": tru, "b": 1}', 'line 1, column 10'],
      ['nothing', 'line 1, column 2'],
      ['[1, 2] 3', 'line 1, column 8'],
    ]) {
      const { found } = refusal(() => chooseCollections(collections({ 'a.json': text ?? '' }), ['a.json']))
      expect(found, text).toContain(place)
    }
  })

  it('refuses JSON that is no collection, and one that ends in the middle', () => {
    expect(refusal(() => chooseCollections(collections({ 'a.json': '{"inputValues":{}}' }), ['a.json'])).found).toMatch(
      /test_cases/,
    )
    expect(refusal(() => chooseCollections(collections({ 'a.json': '{\n"test_cases": [' }), ['a.json'])).found).toMatch(
      /line 2, column 16/,
    )
  })

  it('names the nearest for one that is not there, and says when there are none', () => {
    expect(refusal(() => chooseCollections(carried, ['test']))).toMatchObject({
      code: 'collection-unknown',
      next: expect.stringContaining('mojabox test e2e tests'),
    })
    expect(refusal(() => chooseCollections(collections({}), ['tests'])).code).toBe('collections-missing')
  })
})

describe('collectionsIn', () => {
  let folder = ''
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'mojabox-collections-'))
    await mkdir(join(folder, 'collections', 'deep'), { recursive: true })
    await mkdir(join(folder, 'environments'))
    await writeFile(join(folder, 'collections', 'deep', 'a.json'), CASES)
    await writeFile(join(folder, 'collections', 'notes.md'), 'no collection')
    await writeFile(join(folder, 'environments', 'default-env.json'), '{}')
  })
  afterEach(() => rm(folder, { recursive: true, force: true }))

  it('reads every JSON file below a folder, and the environments beside it', async () => {
    const found = await collectionsIn(join(folder, 'collections'))
    expect([...found.texts.keys()]).toEqual(['deep/a.json'])
    expect([...found.environments.keys()]).toEqual(['default-env.json'])
  })

  it('reads one file, and says when there is none', async () => {
    const one = await collectionsIn(join(folder, 'collections', 'deep', 'a.json'))
    expect([...one.texts.keys()]).toEqual(['a.json'])
    await expect(collectionsIn(join(folder, 'nowhere'))).rejects.toMatchObject({
      facts: { code: 'collections-missing' },
    })
  })
})

describe('an order for the toolkit', () => {
  const order = (path: string) => ({ collections: { [path]: CASES }, inputs: [path], environment: '{}', labels: '' })

  it('keeps every file below its folder', () => {
    expect(ToolkitOrder.safeParse(order('tests/..p2p.json')).success).toBe(true)
    for (const path of ['../p2p.json', 'tests/../../p2p.json', '/etc/passwd', '..', './x'])
      expect(ToolkitOrder.safeParse(order(path)).success, path).toBe(false)
  })
})

describe('parseToolkitReport', () => {
  it('gives one case an assertion, with what the toolkit says of a failure', () => {
    const assertions = [
      { id: 1, description: 'is 202', resultStatus: { status: 'SUCCESS' } },
      {
        id: 2,
        description: 'commits',
        resultStatus: { status: 'FAILED', message: 'expected ABORTED to equal COMMITTED' },
      },
      { id: 3, description: 'later', resultStatus: { status: 'SKIPPED' } },
    ]
    const requests = [{ request: { description: 'transfer', tests: { assertions } } }, { request: {} }]
    expect(parseToolkitReport(JSON.stringify({ name: 'multi', test_cases: [{ name: 'p2p', requests }] }))).toEqual([
      { group: 'p2p > transfer', name: 'is 202', status: 'pass', seconds: 0, message: '' },
      {
        group: 'p2p > transfer',
        name: 'commits',
        status: 'fail',
        seconds: 0,
        message: 'expected ABORTED to equal COMMITTED',
      },
      { group: 'p2p > transfer', name: 'later', status: 'skip', seconds: 0, message: '' },
    ])
  })
})
