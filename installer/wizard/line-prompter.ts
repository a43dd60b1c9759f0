import type { Io } from '../cli/io.ts'
import type { UnknownKey } from '../fleet/host-keys.ts'
import { interruption } from '../fleet/interruption.ts'
import type { SecretQuestion } from '../site/secret.ts'
import { type Answer, BACK, type Prompter, type Question } from './prompter.ts'
import { interrupted, keyQuestion, secretQuestion } from './question-words.ts'

type Asking = Pick<Io, 'terminal' | 'stderr' | 'signal'>

/** Questions for a terminal that cannot move its cursor (TERM=dumb): numbered choices, one line an answer. */
export class LinePrompter implements Prompter {
  readonly #io: Asking
  /** What was typed beyond the last answer. */
  #ahead = ''

  constructor(io: Asking) {
    this.#io = io
  }

  async ask(question: Question, canGoBack: boolean): Promise<Answer> {
    const { message, initial } = question
    const back = canGoBack ? ', < goes back' : ''
    if (question.kind === 'text') {
      this.#io.stderr(`? ${message}${initial ? ` (${initial})` : ''}${back}\n> `)
      const typed = (await this.#line()).trim()
      return canGoBack && typed === '<' ? BACK : typed || (initial ?? '')
    }
    const { choices } = question
    const usual =
      Math.max(
        0,
        choices.findIndex(({ value }) => value === initial),
      ) + 1
    const rows = choices.map(({ label, about }, at) => `  ${at + 1}. ${label}${about ? `\n       ${about}` : ''}\n`)
    this.#io.stderr(`? ${message}\n${rows.join('')}`)
    for (;;) {
      this.#io.stderr(`Number (${usual})${back}> `)
      const typed = (await this.#line()).trim()
      if (canGoBack && typed === '<') return BACK
      const chosen = choices[(typed === '' ? usual : Number(typed)) - 1]
      if (chosen) return chosen.value
      this.#io.stderr(`found ${JSON.stringify(typed)}, needed a number from 1 to ${choices.length}\n`)
    }
  }

  async askKey(key: UnknownKey): Promise<boolean> {
    this.#io.stderr(`? ${keyQuestion(key)}\nyes or no (no)> `)
    return /^y(es)?$/i.test((await this.#line()).trim())
  }

  async askSecret(question: SecretQuestion): Promise<string> {
    this.#io.stderr(`? ${secretQuestion(question)} `)
    const input = this.#io.terminal?.input
    input?.setRawMode(true)
    try {
      return await this.#line(true)
    } finally {
      input?.setRawMode(false)
      this.#io.stderr('\n')
    }
  }

  /** One line, as the terminal itself lets it be edited; `hidden`: each key as it comes. */
  #line(hidden = false): Promise<string> {
    const { terminal, signal } = this.#io
    const { promise, resolve, reject } = Promise.withResolvers<string>()
    const input = terminal?.input
    if (!input) return Promise.reject(new TypeError('asking without a terminal'))
    let text = ''
    let whole = false
    const take = (piece: Buffer | string) => {
      const letters = [...piece.toString()]
      if (whole) {
        this.#ahead += letters.join('')
        return
      }
      for (const [at, letter] of letters.entries()) {
        if (letter === '\u0003') return reject(interrupted())
        if (letter === '\u0004' && text === '') return reject(interrupted())
        if (letter === '\r' || letter === '\n') {
          whole = true
          this.#ahead = letters.slice(at + 1).join('')
          return resolve(text)
        }
        if (hidden && (letter === '\u007f' || letter === '\b')) text = text.slice(0, -1)
        else text += letter
      }
    }
    const stop = () => reject(interruption(signal))
    const end = () => reject(interrupted())
    const ahead = this.#ahead
    this.#ahead = ''
    if (ahead) take(ahead)
    input.on('data', take).once('end', end).resume()
    signal.addEventListener('abort', stop, { once: true })
    if (signal.aborted) stop()
    return promise.finally(() => {
      input.off('data', take).off('end', end).pause()
      signal.removeEventListener('abort', stop)
    })
  }
}
