import { describe, expect, it } from 'vitest'
import type { Io } from '../../../installer/cli/io.ts'
import { createProgress } from '../../../installer/render/progress.ts'

function ioOf(isTty: boolean): { io: Io; written: () => string } {
  let text = ''
  const io: Io = {
    stdout: () => {},
    stderr: (part) => {
      text += part
    },
    isTty,
    canAsk: false,
    columns: 40,
    env: {},
    signal: new AbortController().signal,
  }
  return { io, written: () => text }
}

describe('createProgress', () => {
  it('writes plain lines now and then where there is no terminal', () => {
    const { io, written } = ioOf(false)
    let now = 0
    const progress = createProgress(io, 'fetching', () => now)
    for (now = 0; now <= 10_000; now += 500) progress.update(now * 1000, 20_000_000)
    progress.done()
    const [first, ...rest] = written().trim().split('\n')
    expect(first).toBe('fetching')
    expect(rest).toHaveLength(2)
    expect(rest[0]).toMatch(/^fetching: 25 % of 20 MB, 1\.0 MB\/s, 15 s left$/)
  })

  it('redraws one line within the width of a terminal, and clears it', () => {
    const { io, written } = ioOf(true)
    let now = 0
    const progress = createProgress(io, 'a label that is longer than this terminal is wide', () => now)
    now = 1000
    progress.update(1, 2)
    progress.done()
    const lines = written().split('\r\u001b[2K')
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThan(40)
    expect(written()).not.toContain('\n')
    expect(lines.at(-1)).toBe('')
  })

  it('begins anew with a new label only', () => {
    const { io, written } = ioOf(false)
    const progress = createProgress(io, 'one', () => 0)
    progress.label('one')
    progress.label('two')
    progress.note('note: kept')
    expect(written()).toBe('one\ntwo\nnote: kept\n')
  })
})
