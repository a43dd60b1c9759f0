import { describe, expect, it } from 'vitest'
import { deliveryFigures } from '../../../scripts/bench/delivery/figures.ts'
import { RUNTIMES } from '../../../scripts/bench/delivery/runtime.ts'
import { PARTS, type Trial } from '../../../scripts/bench/delivery/trial.ts'
import { Samples } from '../../../scripts/bench/measure/samples.ts'

/** A trial with one runtime, in which each measurement had these values. */
function trialOf(name: string, values: Record<string, number[]>): Trial {
  const samples = new Samples()
  for (const [id, all] of Object.entries(values)) for (const value of all) samples.add(id, value)
  const images = { tags: [], layers: new Map([['sha256:a', 100]]), blobs: new Map([['sha256:a', 100]]) }
  const set = { images: { 1: images, 2: images }, missingBytes: { cold: 250_000_000, upgrade: 10_000_000 } }
  const runtime = RUNTIMES.find((each) => each.name === name)
  return { runtime, sets: { gzip: set, zstd: set }, parts: new Set(PARTS), samples } as unknown as Trial
}

const byId = (trial: Trial) => Object.fromEntries(deliveryFigures(trial, ['0.1']).map((each) => [each.id, each]))

describe('the figures of deliveries', () => {
  it('compare medians, with the quicker of the saved tars', () => {
    const figures = byId(
      trialOf('26', {
        'mojabox.cold.s': [18, 17, 90],
        'plain.cold.s': [45, 44, 46],
        'savedTar.cold.s': [36],
        'savedZstd.cold.s': [24, 24],
      }),
    )
    expect(figures['delivery.cold']).toMatchObject({ value: 0.4, ok: true })
    expect(figures['delivery.cold_saved_tar']).toMatchObject({ value: 0.75, ok: true })
  })

  it('hold seconds and bytes to what is missing', () => {
    const figures = byId(trialOf('26', { 'mojabox.link100.s': [30], 'mojabox.upgrade.bytes': [10_400_000] }))
    expect(figures['delivery.link100']).toMatchObject({ value: 1.5, ok: false })
    expect(figures['delivery.upgrade_bytes']).toMatchObject({ value: 1.04, ok: false })
  })

  it('take the worst round for the disk', () => {
    const figures = byId(trialOf('26', { 'mojabox.cold.over_final_pct': [0.5, 3, 1] }))
    expect(figures['delivery.over_final_pct']).toMatchObject({ value: 3, ok: false })
  })

  it('have the runtime in their ids, and what the bundle is compressed with where it is not the one that counts', () => {
    const ids = Object.keys(byId(trialOf('d20', { 'mojabox.noop.s': [1], 'other.cold.s': [20] })))
    expect(ids).toEqual(expect.arrayContaining(['delivery.noop_s.d20', 'delivery.cold_s.zstd.d20']))
    expect(Object.keys(byId(trialOf('26', { 'other.cold.s': [20] })))).toContain('delivery.cold_s.gzip')
  })

  it('leave out what was not measured', () => {
    const ids = Object.keys(byId(trialOf('26', { 'mojabox.noop.s': [1] })))
    expect(ids.filter((id) => !id.includes('missing') && !id.includes('floor'))).toEqual(['delivery.noop_s'])
  })
})
