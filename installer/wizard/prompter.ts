import type { UnknownKey } from '../fleet/host-keys.ts'
import type { SecretQuestion } from '../site/secret.ts'

export interface Choice<V extends string = string> {
  value: V
  /** One line. */
  label: string
  /** A sentence more about it, shown where there is room. */
  about?: string | undefined
}

export interface ChoiceQuestion {
  kind: 'choice'
  message: string
  choices: readonly Choice[]
  /** The value that Enter takes; without it the first one. */
  initial?: string | undefined
}

export interface TextQuestion {
  kind: 'text'
  message: string
  /** What Enter takes when nothing is typed. */
  initial?: string | undefined
}

export type Question = ChoiceQuestion | TextQuestion

/** The answer of who wants to see the question before this one. */
export const BACK = Symbol('back')
export type Answer = string | typeof BACK

/** The one way to a person. Everything rejects with a MojaboxError of kind `interrupted` at Ctrl-C. */
export interface Prompter {
  ask(question: Question, canGoBack: boolean): Promise<Answer>
  /** Shows a host key seen for the first time; true when the person vouches for it. */
  askKey(key: UnknownKey): Promise<boolean>
  /** Asks for a secret without showing it. */
  askSecret(question: SecretQuestion): Promise<string>
}
