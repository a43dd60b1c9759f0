/** What went wrong, by who can mend it; each kind has one exit code that never changes. */
export type ErrorKind =
  | 'bug'
  | 'usage'
  | 'check'
  | 'partial'
  | 'bundle'
  | 'host'
  | 'validation'
  | 'step'
  | 'interrupted'

/** The stable exit codes of the command (see README). */
export const EXIT_CODES: Readonly<Record<ErrorKind, number>> = {
  bug: 1,
  usage: 2,
  check: 3,
  partial: 4,
  bundle: 5,
  host: 6,
  validation: 7,
  step: 8,
  interrupted: 130,
}

/** A failure as data: what events, reports and `--json` carry. Never holds a secret. */
export interface ErrorFacts {
  code: string
  kind: ErrorKind
  message: string
  found?: string | undefined
  needed?: string | undefined
  /** The next command to type, or what to do before it. */
  next?: string | undefined
}

/** The one error class: says what was found, what was needed and what to do next. */
export class MojaboxError extends Error {
  readonly facts: ErrorFacts

  constructor(facts: ErrorFacts, options?: { cause?: unknown }) {
    super(facts.message, options)
    this.name = 'MojaboxError'
    this.facts = facts
  }
}

/** The facts of any thrown value; an error that is not ours is a bug and keeps its message. */
export function factsOf(error: unknown): ErrorFacts {
  if (error instanceof MojaboxError) return error.facts
  const message = error instanceof Error ? error.message : String(error)
  return {
    code: 'bug',
    kind: 'bug',
    message: `unexpected: ${message}`,
    next: 'run it again; if it stays so, report it with what `mojabox --version` prints',
  }
}
