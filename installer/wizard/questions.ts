import inquirer from 'inquirer'
import type { Io, Terminal } from '../cli/io.ts'
import type { UnknownKey } from '../fleet/host-keys.ts'
import { hasUnicode, type Look, lookOf } from '../render/look.ts'
import type { SecretQuestion } from '../site/secret.ts'
import {
  type Answer,
  BACK,
  type Choice,
  type ChoiceQuestion,
  type Prompter,
  type Question,
  type TextQuestion,
} from './prompter.ts'
import { interrupted, keyQuestion, secretQuestion } from './question-words.ts'

type Asking = Pick<Io, 'terminal' | 'stderr' | 'isTty' | 'env' | 'signal' | 'columns' | 'rows'>

/** Rows of the screen that a list leaves to its question, what is said about a choice, and the keys. */
const ROWS_AROUND_LIST = 8
const BACK_CHOICE: Choice = { value: '\u0000back', label: 'Back' }

/** Questions as `inquirer` asks them: arrows, Enter, Esc for back. Redrawn when the terminal changes its size. */
export class InquirerPrompter implements Prompter {
  readonly #io: Asking
  readonly #look: Look
  readonly #unicode: boolean

  constructor(io: Asking) {
    this.#io = io
    this.#look = lookOf(io)
    this.#unicode = hasUnicode(io.env)
  }

  async ask(question: Question, canGoBack: boolean): Promise<Answer> {
    // What was picked or typed so far: a redrawn question goes on from there.
    let state = question.initial
    let typed = ''
    for (;;) {
      const events = new Interrupts(this.#io, canGoBack)
      try {
        if (question.kind === 'choice') {
          const answer = await this.#choose({ ...question, initial: state }, canGoBack, events, (at) => (state = at))
          if (answer === BACK_CHOICE.value) return BACK
          this.#answered(question.message, question.choices.find(({ value }) => value === answer)?.label ?? answer)
          return answer
        }
        const answer = await this.#text(question, typed, canGoBack, events, (text) => (typed = text))
        if (canGoBack && answer.trim() === '<') return BACK
        this.#answered(question.message, answer)
        return answer
      } catch (error) {
        if (events.why === 'back') return BACK
        if (events.why !== 'resized') throw asInterruption(error, this.#io.signal)
      } finally {
        events.end()
      }
    }
  }

  async askKey(key: UnknownKey): Promise<boolean> {
    const choices = [
      { value: 'no', label: 'No, or I cannot tell' },
      { value: 'yes', label: 'Yes, remember it' },
    ]
    return (await this.ask({ kind: 'choice', message: keyQuestion(key), choices }, false)) === 'yes'
  }

  async askSecret(question: SecretQuestion): Promise<string> {
    const events = new Interrupts(this.#io, false, false)
    const message = secretQuestion(question)
    const asked = { type: 'password', name: 'answer', message, mask: '*', toggleMask: false } as const
    try {
      const { answer } = await this.#prompt(events)([{ ...asked, theme: this.#theme(false, () => {}) }])
      this.#answered(message, '')
      return answer
    } catch (error) {
      throw asInterruption(error, this.#io.signal)
    } finally {
      events.end()
    }
  }

  async #choose(question: ChoiceQuestion, canGoBack: boolean, events: Interrupts, onActive: (value: string) => void) {
    const choices = [...question.choices, ...(canGoBack ? [BACK_CHOICE] : [])]
    const width = this.#io.columns - 3
    const shown = choices.map(({ value, label, about }) => ({
      value,
      name: label.slice(0, width),
      ...(about !== undefined && { description: about }),
    }))
    const highlighted = (line: string) => {
      const active = shown.find(({ name }) => line.endsWith(` ${name}`))
      if (active) onActive(active.value)
    }
    const { answer } = await this.#prompt(events)([
      {
        type: 'select',
        name: 'answer',
        message: question.message,
        choices: shown,
        default: question.initial,
        loop: false,
        pageSize: Math.max(4, this.#io.rows - ROWS_AROUND_LIST),
        theme: this.#theme(canGoBack, highlighted),
      },
    ])
    return answer
  }

  async #text(
    question: TextQuestion,
    typed: string,
    canGoBack: boolean,
    events: Interrupts,
    onTyped: (text: string) => void,
  ) {
    const { answer } = await this.#prompt(events)([
      {
        type: 'input',
        name: 'answer',
        message: question.message + (canGoBack ? this.#look.paint('dim', ' (< goes back)') : ''),
        // A redrawn question has what was typed, to be edited; a fresh one what Enter would take.
        default: typed || question.initial,
        prefill: typed ? 'editable' : 'tab',
        transformer: (text: string) => {
          onTyped(text)
          return text
        },
        theme: this.#theme(canGoBack, () => {}),
      },
    ])
    return answer
  }

  #answered(message: string, answer: string): void {
    const { paint, marks } = this.#look
    this.#io.stderr(`${paint('green', marks.pass)} ${message} ${paint('bold', answer)}`.trimEnd().concat('\n'))
  }

  #prompt(events: Interrupts) {
    const { input, output } = terminalOf(this.#io)
    // What stays is written by `answered`: of a question that was left for another one, nothing.
    return inquirer.createPromptModule({ input, output, signal: events.signal, clearPromptOnDone: true })
  }

  /** As this terminal can show it: inquirer by itself looks at other things than `lookOf` does. */
  #theme(canGoBack: boolean, onHighlight: (line: string) => void) {
    const { paint, marks } = this.#look
    const arrows = this.#unicode ? '↑↓' : 'arrows'
    const keys = [`${arrows} choose`, 'Enter takes it', ...(canGoBack ? ['Esc goes back'] : []), 'Ctrl-C stops']
    return {
      prefix: { idle: paint('bold', '?'), done: paint('green', marks.pass) },
      icon: { cursor: this.#unicode ? '❯' : '>' },
      spinner: { interval: 1_000, frames: [' '] },
      style: {
        answer: (text: string) => paint('bold', text),
        message: (text: string) => paint('bold', text),
        error: (text: string) => paint('red', `> ${text}`),
        defaultAnswer: (text: string) => paint('dim', `(${text})`),
        help: (text: string) => paint('dim', text),
        highlight: (text: string) => {
          onHighlight(text)
          return paint('bold', text)
        },
        key: (text: string) => paint('bold', `<${text}>`),
        disabled: (text: string) => paint('dim', text),
        description: (text: string) => paint('dim', text),
        keysHelpTip: () => paint('dim', keys.join(', ')),
      },
    }
  }
}

/** What ends a prompt besides its answer: Esc, another size of the terminal, the end of the run. */
class Interrupts {
  why: 'back' | 'resized' | undefined
  readonly #stop = new AbortController()
  readonly #terminal: Terminal
  readonly signal: AbortSignal

  constructor(io: Asking, canGoBack: boolean, redraws = true) {
    this.#terminal = terminalOf(io)
    this.signal = AbortSignal.any([io.signal, this.#stop.signal])
    if (canGoBack) this.#terminal.input.on('keypress', this.#onKey)
    if (redraws) this.#terminal.output.on('resize', this.#onResize)
  }

  end(): void {
    this.#terminal.input.off('keypress', this.#onKey)
    this.#terminal.output.off('resize', this.#onResize)
  }

  readonly #onKey = (_text: string, key: { name?: string } | undefined) => {
    if (key?.name === 'escape') this.#end('back')
  }

  readonly #onResize = () => this.#end('resized')

  #end(why: 'back' | 'resized'): void {
    this.why ??= why
    this.#stop.abort()
  }
}

function terminalOf({ terminal }: Asking): Terminal {
  if (terminal) return terminal
  throw new TypeError('asking without a terminal')
}

function asInterruption(error: unknown, signal: AbortSignal): unknown {
  if (signal.aborted) return signal.reason
  return error instanceof Error && error.name === 'ExitPromptError' ? interrupted(error) : error
}
