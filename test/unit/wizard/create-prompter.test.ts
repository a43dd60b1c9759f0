import { PassThrough } from 'node:stream'
import { setImmediate as nextTick } from 'node:timers/promises'
import { expect, it } from 'vitest'
import type { Terminal } from '../../../installer/cli/io.ts'
import { createPrompter } from '../../../installer/wizard/create-prompter.ts'
import { FakeIo } from '../render/fake-io.ts'

it('asks one thing at a time, whichever hosts want to know at once', async () => {
  const input = Object.assign(new PassThrough(), { setRawMode: () => {} })
  const terminal = { input, output: new PassThrough() } as unknown as Terminal
  const io = new FakeIo({ terminal, env: { TERM: 'dumb' } })
  const prompter = await createPrompter(io)
  const typed = ['a@one', 'b@two'].map((subject) => prompter.askSecret({ what: 'password', subject }))
  await nextTick()
  expect(io.err).toContain('a@one')
  expect(io.err).not.toContain('b@two')
  input.write('first\n')
  expect(await typed[0]).toBe('first')
  await nextTick()
  expect(io.err).toContain('b@two')
  input.write('second\n')
  expect(await typed[1]).toBe('second')
})
