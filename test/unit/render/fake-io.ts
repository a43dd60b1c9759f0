import { PassThrough } from 'node:stream'
import type { Io } from '../../../installer/cli/io.ts'

/** Streams that lead nowhere. */
function fakeStreams(): Io['streams'] {
  const stream = () => new PassThrough() as unknown
  return {
    stdin: stream() as NodeJS.ReadStream,
    stdout: stream() as NodeJS.WriteStream,
    stderr: stream() as NodeJS.WriteStream,
    type: 'xterm',
  }
}

/** What a command wrote, on a terminal or not. */
export class FakeIo implements Io {
  out = ''
  err = ''
  isTty = false
  canAsk = false
  columns = 80
  rows = 24
  terminal: Io['terminal'] = undefined
  env: NodeJS.ProcessEnv = { LANG: 'en_US.UTF-8', TERM: 'xterm-256color' }
  readonly streams = fakeStreams()
  readonly stop = new AbortController()
  readonly signal = this.stop.signal

  constructor(changes: Partial<Pick<Io, 'isTty' | 'canAsk' | 'columns' | 'rows' | 'terminal' | 'env'>> = {}) {
    Object.assign(this, changes)
  }

  readonly stdout = (text: string): void => {
    this.out += text
  }

  readonly stderr = (text: string): void => {
    this.err += text
  }

  get lines(): string[] {
    return this.err.split('\n').filter((line) => line !== '')
  }
}

/** Whether anything in the text moves the cursor or sets a colour. */
export function hasControls(text: string): boolean {
  return text.includes('\r') || text.includes('\u001b')
}

/** What is on the screen after all that was written: `\r` and "clear line" acted out. */
export function screen(text: string): string[] {
  const rows = ['']
  // biome-ignore lint/suspicious/noControlCharactersInRegex: what moves the cursor is what is looked for
  for (const part of text.split(/(\r|\n|\u001b\[2K)/)) {
    if (part === '\n') rows.push('')
    else if (part === '\u001b[2K') rows[rows.length - 1] = ''
    else if (part !== '\r') rows[rows.length - 1] += part
  }
  return rows
}
