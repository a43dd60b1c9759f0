import type { UnknownKey } from '../../../installer/fleet/host-keys.ts'
import type { SecretQuestion } from '../../../installer/site/secret.ts'
import { type Answer, BACK, type Prompter, type Question } from '../../../installer/wizard/prompter.ts'
import { interrupted } from '../../../installer/wizard/question-words.ts'

/** What a person does at one question: an answer, Enter (what is offered), back, or Ctrl-C. */
export type Act = string | typeof BACK | typeof ENTER | typeof CTRL_C
export const ENTER = Symbol('enter')
export const CTRL_C = Symbol('ctrl-c')

/** Answers as told, in order; a question more than there are answers is the test's failure. */
export class FakePrompter implements Prompter {
  readonly asked: { question: Question; canGoBack: boolean }[] = []
  readonly #acts: Act[]

  constructor(acts: readonly Act[]) {
    this.#acts = [...acts]
  }

  get left(): number {
    return this.#acts.length
  }

  /** The questions' words, in the order they were asked. */
  get messages(): string[] {
    return this.asked.map(({ question }) => question.message)
  }

  async ask(question: Question, canGoBack: boolean): Promise<Answer> {
    this.asked.push({ question, canGoBack })
    if (this.#acts.length === 0) throw new Error(`nothing to answer with: ${question.message}`)
    const act = this.#acts.shift()
    if (act === CTRL_C) throw interrupted()
    if (act === BACK) {
      if (!canGoBack) throw new Error(`no way back from: ${question.message}`)
      return BACK
    }
    if (act === ENTER) return offered(question)
    if (question.kind === 'choice' && !question.choices.some(({ value }) => value === act)) {
      throw new Error(`${String(act)} is none of ${question.choices.map(({ value }) => value).join(', ')}`)
    }
    return act as string
  }

  async askKey(_key: UnknownKey): Promise<boolean> {
    return true
  }

  async askSecret(_question: SecretQuestion): Promise<string> {
    return 'secret'
  }
}

/** What Enter takes. */
export function offered(question: Question): string {
  if (question.kind === 'text') return question.initial ?? ''
  const chosen = question.choices.find(({ value }) => value === question.initial) ?? question.choices[0]
  return chosen?.value ?? ''
}
