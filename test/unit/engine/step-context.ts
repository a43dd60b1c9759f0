import type { CommandOptions, CommandResult, RunCommand, StepContext } from '../../../agent/contract/step.ts'
import type { Arrivals } from '../../../agent/store/arrivals.ts'
import type { Store } from '../../../agent/store/store.ts'
import { MojaboxError } from '../../../bundles/format/error.ts'
import { orderOf } from '../service/orders.ts'

export interface Ran {
  argv: string[]
  options: CommandOptions
}

type Answer = Partial<CommandResult> | string | undefined

/** Rejects when the signal says so; without one, never. */
function ended(signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_, reject) => signal?.addEventListener('abort', () => reject(new Error('ended')), { once: true }))
}

/** Commands that were asked for, and what the test lets them answer (nothing and code 0, unless told otherwise). */
export class FakeCommands {
  readonly ran: Ran[] = []
  readonly #answer: (argv: string[]) => Answer | Promise<Answer>

  /** One that never settles is a command that goes on until it is ended. */
  constructor(answer: (argv: string[]) => Answer | Promise<Answer> = () => undefined) {
    this.#answer = answer
  }

  get lines(): string[] {
    return this.ran.map(({ argv }) => argv.join(' '))
  }

  readonly run: RunCommand = async (argv, options = {}) => {
    this.ran.push({ argv, options })
    const answer = await Promise.race([this.#answer(argv), ended(options.signal)])
    const result = { code: 0, stdout: '', stderr: '', ...(typeof answer === 'string' ? { stdout: answer } : answer) }
    if ((options.okCodes ?? [0]).includes(result.code)) return result
    throw new MojaboxError({
      code: 'command-failed',
      kind: 'step',
      message: `running ${argv[0]}: exit code ${result.code}`,
      found: result.stderr,
    })
  }
}

export interface FakeContext extends StepContext {
  progressed: unknown[][]
  notes: string[]
}

/** A step's surroundings: the commands given, an order, and nothing else unless the test has it. */
export function contextOf(changes: Partial<StepContext> = {}): FakeContext {
  const progressed: unknown[][] = []
  const notes: string[] = []
  return {
    order: orderOf(),
    signal: new AbortController().signal,
    run: new FakeCommands().run,
    bundle: undefined,
    store: undefined as unknown as Store,
    arrivals: undefined as unknown as Arrivals,
    progress: (...told) => void progressed.push(told),
    note: (message) => void notes.push(message),
    ...changes,
    progressed,
    notes,
  }
}
