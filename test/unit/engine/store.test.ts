import { writeFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { store as step } from '../../../agent/engine/steps/store.ts'
import { Arrivals } from '../../../agent/store/arrivals.ts'
import { FakeDesk } from '../store/fake-desk.ts'
import { temporaryStore } from '../store/temporary-store.ts'
import { contextOf } from './step-context.ts'

async function setUp() {
  const store = await temporaryStore()
  const desk = new FakeDesk()
  const context = contextOf({ store, arrivals: new Arrivals(store, desk.fetch, new AbortController().signal) })
  const contents = [Buffer.from('{"a":"document"}'), Buffer.alloc(200_000, 'package ')]
  const blobs = contents.map((bytes) => ({ digest: desk.add(bytes), sizeBytes: bytes.length }))
  const params = { title: 'files', blobs }
  return { store, desk, context, params, digests: blobs.map(({ digest }) => digest) }
}

describe('the store', () => {
  it('brings what is missing, once', async () => {
    const { store, desk, context, params, digests } = await setUp()
    expect(await step.isDone(context, params)).toBe(false)
    await step.apply(context, params)
    expect(await step.isDone(context, params)).toBe(true)
    expect(await Promise.all(digests.map((digest) => store.isWhole(digest)))).toEqual([true, true])
    await step.apply(context, params)
    expect(desk.asked).toHaveLength(2)
  })

  it('tells of what is still to come: what an earlier run brought, or half of it, is no part of that', async () => {
    const { store, desk, context, params } = await setUp()
    const [document, large] = params.blobs
    const more = Buffer.from('one more')
    if (!document || !large) throw new Error('two blobs are set up')
    await step.apply(context, { ...params, blobs: [document] })
    await store.prepare()
    await writeFile(store.ingestPath(large.digest), Buffer.alloc(120_000, 'package '))
    const blobs = [document, large, { digest: desk.add(more), sizeBytes: more.length }]
    await step.apply(context, { ...params, blobs })
    expect(context.progressed.at(-1)?.slice(0, 3)).toEqual([80_000 + more.length, 80_000 + more.length, 'bytes'])
  })

  it('brings a document anew that the disk has damaged', async () => {
    const { store, desk, context, params, digests } = await setUp()
    await step.apply(context, params)
    const [document = 'sha256:'] = digests
    await writeFile(store.blobPath(document), '{"a":"DOCUMENT"}')
    expect(await step.isDone(context, params)).toBe(false)
    await step.apply(context, params)
    expect(await store.isWhole(document)).toBe(true)
    // They are asked for side by side.
    expect(desk.asked.map(({ digest }) => digest).toSorted()).toEqual([...digests, document].toSorted())
  })
})
