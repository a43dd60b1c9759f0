import pLimit from 'p-limit'
import { factsOf, MojaboxError } from '../../bundles/format/error.ts'

/** What became of one host. */
export type Outcome<T> = { host: string; ok: T } | { host: string; error: unknown }

/**
 * Does `work` on every host, at most `parallel` at once, each with its own outcome, in the order given. Never rejects:
 * one dead host does not stop the others. After an abort no further host is begun. A work that only waits for the other
 * hosts leaves its turn to the next.
 */
export async function eachHost<H extends { name: string }, T>(
  hosts: readonly H[],
  parallel: number,
  work: (host: H, leaveTurn: () => void) => Promise<T>,
  signal?: AbortSignal,
): Promise<Outcome<T>[]> {
  const inTurn = pLimit(Math.max(1, parallel))
  const outcomeOf = async (host: H, leaveTurn: () => void): Promise<Outcome<T>> => {
    try {
      signal?.throwIfAborted()
      return { host: host.name, ok: await work(host, leaveTurn) }
    } catch (error) {
      return { host: host.name, error }
    }
  }
  return Promise.all(
    hosts.map(async (host) => {
      const { promise: left, resolve: leaveTurn } = Promise.withResolvers<void>()
      const begin = Promise.withResolvers<void>()
      void inTurn(() => {
        begin.resolve()
        return left
      })
      await begin.promise
      return outcomeOf(host, leaveTurn).finally(leaveTurn)
    }),
  )
}

/** The one error of a run over many hosts; undefined when every host is done. */
export function outcomeError(outcomes: readonly Outcome<unknown>[]): unknown {
  const failed = outcomes.filter((outcome) => 'error' in outcome)
  const [first] = failed
  if (first === undefined) return undefined
  if (outcomes.length === 1) return first.error
  const facts = factsOf(first.error)
  const rows = failed.map((outcome) => `${outcome.host}: ${factsOf(outcome.error).message}`)
  const all = failed.length === outcomes.length
  const interrupted = failed.some((outcome) => factsOf(outcome.error).kind === 'interrupted')
  const done = outcomes.filter((outcome) => 'ok' in outcome).map((outcome) => outcome.host)
  return new MojaboxError(
    {
      code: all ? facts.code : 'hosts-partial',
      kind: interrupted ? 'interrupted' : all ? facts.kind : 'partial',
      message: `${all ? `all ${failed.length}` : `${failed.length} of ${outcomes.length}`} hosts failed\n  ${rows.join('\n  ')}`,
      found: all ? `no host done` : `done: ${done.join(', ')}`,
      needed: `every host done; left: ${failed.map((outcome) => outcome.host).join(', ')}`,
      next:
        all && facts.next !== undefined
          ? facts.next
          : 'mend what the hosts say, then run the same command again: only what is left is done',
    },
    { cause: first.error },
  )
}
