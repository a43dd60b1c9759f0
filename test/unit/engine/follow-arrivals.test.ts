import { randomBytes } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import type { StepContext } from '../../../agent/contract/step.ts'
import { followArrivals } from '../../../agent/engine/follow-arrivals.ts'
import { Arrivals } from '../../../agent/store/arrivals.ts'
import { FakeDesk } from '../store/fake-desk.ts'
import { temporaryStore } from '../store/temporary-store.ts'

const SIZE = 10_000

async function setUp() {
  const store = await temporaryStore()
  const desk = new FakeDesk()
  const blobs = [1, 2].map(() => {
    const content = randomBytes(SIZE)
    return { content, digest: desk.add(content), sizeBytes: SIZE }
  })
  const arrivals = new Arrivals(store, desk.fetch, new AbortController().signal)
  const told: [done: number, total: number, note: string | undefined][] = []
  const progress: StepContext['progress'] = (done, total, _unit, note) => told.push([done, total, note])
  return { store, blobs, arrivals, told, context: { store, arrivals, progress } as unknown as StepContext }
}

describe('following what arrives', () => {
  it('counts what an earlier run brought, of which nothing is to come', async () => {
    const { store, blobs, arrivals, told, context } = await setUp()
    const [first, second] = blobs
    await mkdir(store.ingestFolder, { recursive: true })
    if (first) await writeFile(store.ingestPath(first.digest), first.content.subarray(0, 4_000))
    const following = await followArrivals(context, () => blobs)
    expect(following.earlierBytes).toBe(4_000)
    for (const blob of [first, second]) if (blob) await arrivals.get(blob.digest, SIZE).done
    expect(told.at(-1)).toEqual([16_000, 16_000, undefined])
  })

  it('does not take what came earlier in this run for an earlier one', async () => {
    const { blobs, arrivals, context } = await setUp()
    const [first] = blobs
    if (first) await arrivals.keep(first.digest, SIZE)
    const following = await followArrivals(context, () => blobs)
    expect(following.earlierBytes).toBe(0)
  })

  it('says what goes on once all is here, and not before', async () => {
    const { blobs, arrivals, told, context } = await setUp()
    await followArrivals(context, () => blobs, 'Docker unpacks')
    for (const blob of blobs) await arrivals.get(blob.digest, SIZE).done
    expect(told.at(-1)).toEqual([2 * SIZE, 2 * SIZE, 'Docker unpacks'])
    expect(told.slice(0, -1).every(([, , note]) => note === undefined)).toBe(true)
    expect(told.length).toBeGreaterThan(1)
  })
})
