import { styleText } from 'node:util'
import type { Io } from '../cli/io.ts'

type Tone = 'green' | 'yellow' | 'red' | 'dim' | 'bold'

/** How things are marked and coloured on this terminal. */
export interface Look {
  marks: Record<'pass' | 'warn' | 'fail' | 'skip', string>
  paint(tone: Tone, text: string): string
  /** Whether the terminal shows more than ASCII. */
  unicode: boolean
}

const MARKS = { pass: '✓', warn: '!', fail: '✗', skip: '-' }
const PLAIN_MARKS = { pass: 'ok', warn: '!', fail: 'x', skip: '-' }

export const TONES = { pass: 'green', warn: 'yellow', fail: 'red', skip: 'dim' } as const

/** Colour only on a terminal that has it (https://no-color.org); plain ASCII marks where the locale is not UTF-8. */
export function lookOf(io: Pick<Io, 'isTty' | 'env'>): Look {
  const { TERM, NO_COLOR } = io.env
  const dumb = TERM === 'dumb'
  const unicode = hasUnicode(io.env)
  const colour = io.isTty && !dumb && !NO_COLOR
  return {
    unicode,
    marks: unicode ? MARKS : PLAIN_MARKS,
    paint: (tone, text) => (colour ? styleText(tone, text, { validateStream: false }) : text),
  }
}

/** Whether the terminal shows more than ASCII, as far as the environment tells. */
export function hasUnicode({ TERM, LC_ALL, LC_CTYPE, LANG }: NodeJS.ProcessEnv): boolean {
  return TERM !== 'dumb' && !/^(C|POSIX)$/.test(LC_ALL || LC_CTYPE || LANG || 'C.UTF-8')
}

const IN_ASCII: Record<string, string> = {
  '’': "'",
  '‘': "'",
  '“': '"',
  '”': '"',
  '…': '...',
  '–': '-',
  '—': '-',
  '→': '->',
  '✓': 'ok',
  '✗': 'x',
}

/** Texts as this terminal can show them: in ASCII where the locale has nothing more. */
export function plainText(env: NodeJS.ProcessEnv): (text: string) => string {
  if (hasUnicode(env)) return (text) => text
  return (text) => text.replace(/[\u0080-\uffff]/g, (letter) => IN_ASCII[letter] ?? letter)
}
