import { appendFile, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { Json } from '../../../agent/contract/step.ts'
import { Journal } from '../../../agent/engine/journal.ts'
import { MojaboxError } from '../../../bundles/format/error.ts'
import { temporaryFolder } from './temporary-folder.ts'

const step = (id: string, params: unknown = {}) => ({ id, kind: 'file', params })
const begun = (id: string, was: Json) => ({ run: 'r', phase: 'before' as const, step: step(id), before: was })
const undone = (id: string) => ({ run: 'r', phase: 'undone' as const, step: step(id) })

async function journalPath(): Promise<string> {
  return join(await temporaryFolder(), 'below', 'journal.ndjson')
}

describe('Journal', () => {
  it('is empty where none was written', async () => {
    const journal = await Journal.open(await journalPath())
    expect(journal.entries).toEqual([])
    expect(journal.applied()).toEqual([])
  })

  it('is read again as it was written, one line an entry', async () => {
    const path = await journalPath()
    const journal = await Journal.open(path)
    await journal.append(begun('a', { there: 'a line\nand another' }))
    await journal.append({ run: 'r', phase: 'after', step: step('a') })
    expect((await Journal.open(path)).entries).toEqual(journal.entries)
    expect((await readFile(path, 'utf8')).split('\n')).toHaveLength(3)
  })

  it('is for root alone: what was there before may be private', async () => {
    const path = await journalPath()
    await (await Journal.open(path)).append(begun('a', null))
    expect((await stat(path)).mode & 0o777).toBe(0o600)
  })

  it('tells a folder that cannot be read from one without a journal', async () => {
    await expect(Journal.open(await temporaryFolder())).rejects.toMatchObject({ code: 'EISDIR' })
  })

  it.each([1, 3])(
    'leaves a last line out that a power loss cut, and stays readable for good (%i lines)',
    async (lines) => {
      const path = await journalPath()
      const journal = await Journal.open(path)
      for (let line = 1; line <= lines; line += 1) await journal.append(begun(`step-${line}`, null))
      await writeFile(path, (await readFile(path, 'utf8')).slice(0, -20))

      const torn = await Journal.open(path)
      expect(torn.entries).toHaveLength(lines - 1)
      await torn.append(begun('next', 'one'))
      await torn.append(begun('last', 'two'))

      const healed = await Journal.open(path)
      expect(healed.entries.map((entry) => entry.step.id)).toEqual(torn.entries.map((entry) => entry.step.id))
      expect(healed.entries).toHaveLength(lines + 1)
    },
  )

  it('takes a last line for torn also when it would be whole but for its end', async () => {
    const path = await journalPath()
    await (await Journal.open(path)).append(begun('a', null))
    await writeFile(path, (await readFile(path, 'utf8')).slice(0, -1))
    const journal = await Journal.open(path)
    await journal.append(begun('b', null))
    const ids = (await Journal.open(path)).entries.map((entry) => entry.step.id)
    expect(ids.at(-1)).toBe('b')
    expect(ids).toEqual(journal.entries.map((entry) => entry.step.id))
  })

  it('refuses a line damaged in the middle, naming file and line: undo would forget what it held', async () => {
    const path = await journalPath()
    const journal = await Journal.open(path)
    await journal.append(begun('a', null))
    await appendFile(path, `{"at":"2027"\n${await readFile(path, 'utf8')}`)
    const error = await Journal.open(path).catch((thrown) => thrown)
    expect(error).toBeInstanceOf(MojaboxError)
    expect(error.facts.next).toBeTruthy()
    expect(`${error.facts.message} ${error.facts.found}`).toContain(path)
    expect(`${error.facts.message} ${error.facts.found}`).toMatch(/line 2/)
  })
})

describe('applied', () => {
  async function appliedOf(...entries: Parameters<Journal['append']>[0][]) {
    const journal = await Journal.open(await journalPath())
    for (const entry of entries) await journal.append(entry)
    return journal.applied().map((applied) => [applied.step.id, applied.before])
  }

  it('has the steps in the order in which they were first applied', async () => {
    expect(await appliedOf(begun('a', 1), begun('b', 2), begun('a', 3))).toEqual([
      ['a', 1],
      ['b', 2],
    ])
  })

  it('keeps what was there before the first time, not what a re-run found', async () => {
    expect(await appliedOf(begun('a', 'theirs'), begun('a', 'ours'))).toEqual([['a', 'theirs']])
  })

  it('has a step whose apply began but never ended', async () => {
    expect(await appliedOf(begun('a', null))).toEqual([['a', null]])
    expect(await appliedOf(begun('a', null), { run: 'r', phase: 'failed', step: step('a'), error: 'no' })).toEqual([
      ['a', null],
    ])
  })

  it('has the parameters that were applied last', async () => {
    const journal = await Journal.open(await journalPath())
    await journal.append({ run: 'r', phase: 'before', step: step('a', 'old'), before: 1 })
    await journal.append({ run: 'r', phase: 'before', step: step('a', 'new'), before: 2 })
    expect(journal.applied()).toEqual([{ step: step('a', 'new'), before: 1, kept: false }])
  })

  it('puts what is applied again after it was kept behind what was applied meanwhile', async () => {
    const kept = { run: 'r', phase: 'kept' as const, step: step('a', 'p') }
    const journal = await Journal.open(await journalPath())
    await journal.append({ run: 'r', phase: 'before', step: step('a', 'p'), before: 1 })
    await journal.append(kept)
    await journal.append({ run: 'r', phase: 'before', step: step('b', 'p'), before: 2 })
    await journal.append({ run: 'r', phase: 'before', step: step('a', 'p'), before: null })
    expect(journal.applied().map((applied) => [applied.step.id, applied.before])).toEqual([
      ['b', 2],
      ['a', 1],
    ])
  })

  it('remembers what was undone but for its data, until it is applied again', async () => {
    const journal = await Journal.open(await journalPath())
    await journal.append({ run: 'r', phase: 'before', step: step('a', 'p'), before: 1 })
    await journal.append({ run: 'r', phase: 'kept', step: step('a', 'p') })
    expect(journal.applied()).toEqual([{ step: step('a', 'p'), before: 1, kept: true }])
    expect(journal.installed).toBe(false)
    await journal.append({ run: 'r', phase: 'before', step: step('a', 'p'), before: null })
    expect(journal.applied()).toEqual([{ step: step('a', 'p'), before: 1, kept: false }])
    expect(journal.installed).toBe(true)
  })

  it('lacks what was undone, until it is applied again', async () => {
    expect(await appliedOf(begun('a', 1), begun('b', 2), undone('a'))).toEqual([['b', 2]])
    expect(await appliedOf(begun('a', 1), begun('b', 2), undone('a'), begun('a', 3))).toEqual([
      ['b', 2],
      ['a', 3],
    ])
  })

  it('lacks a step that failed before anything was changed', async () => {
    expect(await appliedOf({ run: 'r', phase: 'failed', step: step('a'), error: 'no' })).toEqual([])
  })
})
