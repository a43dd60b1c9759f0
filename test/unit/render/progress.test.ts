import { describe, expect, it } from 'vitest'
import { createProgress } from '../../../installer/render/progress.ts'
import { FakeIo, hasControls, screen } from './fake-io.ts'

function progressOn(io: FakeIo) {
  let now = 0
  const progress = createProgress(io, 'fetching', () => now)
  return { progress, pass: (ms: number) => (now += ms) }
}

describe('createProgress', () => {
  it('redraws one line on a terminal, and leaves none behind', () => {
    const io = new FakeIo({ isTty: true })
    const { progress, pass } = progressOn(io)
    for (let done = 0; done <= 100; done += 10) {
      pass(200)
      progress.update(done, 100)
    }
    expect(screen(io.err)).toHaveLength(1)
    expect(screen(io.err)[0]).toMatch(/^fetching: 100 %/)
    progress.done()
    expect(screen(io.err)).toEqual([''])
  })

  it('never draws wider than the terminal', () => {
    const io = new FakeIo({ isTty: true, columns: 20 })
    const { progress, pass } = progressOn(io)
    pass(1000)
    progress.update(50, 100)
    expect(screen(io.err)[0]?.length).toBeLessThan(20)
  })

  it('does not draw more often than the eye sees', () => {
    const io = new FakeIo({ isTty: true })
    const { progress, pass } = progressOn(io)
    const drawn = io.err.length
    pass(10)
    progress.update(1, 100)
    expect(io.err).toHaveLength(drawn)
  })

  it('prints plain lines now and then where there is no terminal', () => {
    const io = new FakeIo()
    const { progress, pass } = progressOn(io)
    for (let second = 1; second <= 20; second += 1) {
      pass(1_000)
      progress.update(second, 20)
    }
    progress.done()
    expect(io.lines).toHaveLength(5)
    expect(hasControls(io.err)).toBe(false)
  })

  it('sends no control characters to a terminal that has none', () => {
    const io = new FakeIo({ isTty: true, env: { TERM: 'dumb' } })
    const { progress, pass } = progressOn(io)
    pass(6_000)
    progress.update(1, 2)
    progress.note('a note')
    progress.done()
    expect(io.err).not.toContain('\u001b')
  })

  it('keeps notes', () => {
    const io = new FakeIo({ isTty: true })
    const { progress } = progressOn(io)
    progress.note('note: no packages for arm64')
    progress.done()
    expect(screen(io.err)[0]).toBe('note: no packages for arm64')
  })

  it('measures each piece of work anew', () => {
    const io = new FakeIo()
    const { progress, pass } = progressOn(io)
    pass(6_000)
    progress.update(1_000_000, 2_000_000)
    progress.label('writing')
    progress.label('writing')
    pass(6_000)
    progress.update(6_000, 12_000)
    expect(io.lines.map((line) => line.split(':')[0])).toEqual(['fetching', 'fetching', 'writing', 'writing'])
    expect(io.lines.at(-1)).toContain('1.0 kB/s')
  })
})
