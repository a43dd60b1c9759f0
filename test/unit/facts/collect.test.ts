import { describe, expect, it } from 'vitest'
import { Facts } from '../../../agent/contract/facts.ts'
import { attempt } from '../../../agent/facts/attempt.ts'
import { collectFacts } from '../../../agent/facts/collect.ts'
import { createRunCommand } from '../../../agent/runtimes/command.ts'
import { MojaboxError } from '../../../bundles/format/error.ts'

const PATHS = ['/var/lib/docker', '/var/lib/mojabox']

describe('collectFacts', () => {
  it('describes this machine as the schema says, and survives JSON', async () => {
    const facts = await collectFacts({ run: createRunCommand(), paths: PATHS, deskTimeMs: Date.now() - 60_000 })
    expect(Facts.parse(JSON.parse(JSON.stringify(facts)))).toEqual(facts)
    expect(facts.cpu.cores).toBeGreaterThan(0)
    expect(facts.memory?.totalBytes).toBeGreaterThan(1e8)
    expect(facts.disks.map((disk) => disk.path)).toEqual(expect.arrayContaining(PATHS))
    expect(facts.clock.skewMs).toBeGreaterThanOrEqual(60_000)
    expect(facts.clock.skewMs).toBeLessThan(70_000)
  })

  it('gives facts also when no command can be run', async () => {
    const missing = new MojaboxError({ code: 'command-missing', kind: 'step', message: 'no such program' })
    const facts = await collectFacts({ run: () => Promise.reject(missing), paths: PATHS, ports: [] })
    expect(Facts.parse(facts)).toEqual(facts)
    expect(facts).toMatchObject({ ports: [], clock: { skewMs: null } })
  })

  it('does not wait for a command that hangs', async () => {
    const started = performance.now()
    const facts = await collectFacts({ run: () => new Promise(() => {}), paths: PATHS, ports: [] })
    expect(Facts.parse(facts)).toEqual(facts)
    expect(performance.now() - started).toBeLessThan(12_000)
  }, 20_000)

  it('lists only the ports it was asked for', async () => {
    const facts = await collectFacts({ run: () => Promise.reject(new Error()), paths: [], ports: [1] })
    expect(facts.ports?.filter((port) => port.port !== 1)).toEqual([])
  })
})

describe('attempt', () => {
  it('gives the fallback when the source throws at once, later, or never answers', async () => {
    const throws = () => {
      throw new Error('at once')
    }
    expect(await attempt<number>(throws, 7)).toBe(7)
    expect(await attempt<number>(() => Promise.reject(new Error('later')), 7)).toBe(7)
    expect(await attempt<number>(() => new Promise(() => {}), 7, 5)).toBe(7)
    expect(await attempt(() => 8, 7)).toBe(8)
  })
})
