import { PassThrough } from 'node:stream'
import { describe, expect, it } from 'vitest'
import type { Terminal } from '../../../installer/cli/io.ts'
import { LinePrompter } from '../../../installer/wizard/line-prompter.ts'
import { BACK, type ChoiceQuestion } from '../../../installer/wizard/prompter.ts'
import { FakeIo } from '../render/fake-io.ts'

const CHOICE: ChoiceQuestion = {
  kind: 'choice',
  message: 'Where?',
  choices: [
    { value: 'here', label: 'Here', about: 'On this machine.' },
    { value: 'there', label: 'There' },
  ],
  initial: 'there',
}

function typing(...pieces: string[]) {
  const raw: boolean[] = []
  const input = Object.assign(new PassThrough(), { setRawMode: (on: boolean) => raw.push(on) })
  const io = new FakeIo({ terminal: { input, output: new PassThrough() } as unknown as Terminal })
  for (const piece of pieces) input.write(piece)
  return { io, input, raw, prompter: new LinePrompter(io) }
}

describe('LinePrompter', () => {
  it('numbers the choices, and Enter takes what is offered', async () => {
    const { io, prompter } = typing('\n')
    expect(await prompter.ask(CHOICE, true)).toBe('there')
    expect(io.err).toBe('? Where?\n  1. Here\n       On this machine.\n  2. There\nNumber (2), < goes back> ')
  })

  it('takes a number, and asks again for one that there is not', async () => {
    const { io, prompter } = typing('3\n0\nx\n1\n')
    expect(await prompter.ask(CHOICE, false)).toBe('here')
    expect(io.err.match(/needed a number from 1 to 2/g)).toHaveLength(3)
  })

  it('goes back with <, where there is something to go back to', async () => {
    expect(await typing('<\n').prompter.ask(CHOICE, true)).toBe(BACK)
    const first = typing('<\n1\n')
    expect(await first.prompter.ask(CHOICE, false)).toBe('here')
    expect(await typing('<\n').prompter.ask({ kind: 'text', message: 'Which?' }, true)).toBe(BACK)
  })

  it('takes a text, or what is offered', async () => {
    const { prompter } = typing('ops@host\n', '\n', '\n')
    expect(await prompter.ask({ kind: 'text', message: 'Which?' }, false)).toBe('ops@host')
    expect(await prompter.ask({ kind: 'text', message: 'Which?', initial: 'this' }, false)).toBe('this')
    expect(await prompter.ask({ kind: 'text', message: 'Which?' }, false)).toBe('')
  })

  it('keeps what was typed ahead for the next question', async () => {
    const { prompter } = typing('1\n2\n')
    expect(await prompter.ask(CHOICE, false)).toBe('here')
    expect(await prompter.ask(CHOICE, false)).toBe('there')
  })

  it('shows no secret, and takes corrections', async () => {
    const { io, prompter, raw } = typing('hunter3\u007f2\r')
    expect(await prompter.askSecret({ what: 'sudo-password', subject: 'ops' })).toBe('hunter2')
    expect(io.err).toBe('? Sudo password of ops: \n')
    expect(raw).toEqual([true, false])
  })

  it('believes in a host key only when told so', async () => {
    const key = { host: 'hub', keyType: 'ssh-ed25519', fingerprint: 'SHA256:x' }
    expect(await typing('\n').prompter.askKey(key)).toBe(false)
    expect(await typing('no\n').prompter.askKey(key)).toBe(false)
    expect(await typing('yes\n').prompter.askKey(key)).toBe(true)
  })

  it.each([
    ['Ctrl-C', '\u0003'],
    ['Ctrl-D', '\u0004'],
  ])('is interrupted by %s', async (_name, letter) => {
    await expect(typing(letter).prompter.ask(CHOICE, true)).rejects.toMatchObject({ facts: { kind: 'interrupted' } })
  })

  it('is interrupted by the end of the terminal, and of the run', async () => {
    const ended = typing()
    ended.input.end()
    await expect(ended.prompter.ask(CHOICE, true)).rejects.toMatchObject({ facts: { kind: 'interrupted' } })
    const stopped = typing()
    const asked = stopped.prompter.ask(CHOICE, true)
    stopped.io.stop.abort()
    await expect(asked).rejects.toMatchObject({ facts: { kind: 'interrupted' } })
  })
})
