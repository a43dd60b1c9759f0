import type { Event } from '../../agent/contract/events.ts'
import { factsOf } from '../../bundles/format/error.ts'

/** A lost link is taken up again for this long before it counts as a failure, milliseconds. */
const RECONNECT_FOR_MS = 90_000
const LOST = 'the connection was lost; the node goes on, connecting again'
const LOST_EARLY = 'the connection was lost; connecting again'
const ENGINE_GONE = 'the engine on the node was ended; starting it again'

/**
 * Knows a run that gets on from one that only begins again: after a reconnect the node tells its events from the start,
 * and an engine that dies at the same place each time tells the same steps for ever.
 */
export class Advance {
  readonly #told = new Set<string>()
  readonly #furthest = new Map<string, number>()
  #reached = false
  #sentBytes = 0
  #begun = false
  #lostAt: number | undefined
  #lossTold = false

  /** The engine has said something. */
  get begun(): boolean {
    return this.#begun
  }

  /** A connection stood: what is lost now was there. */
  reached(): void {
    this.#reached = true
  }

  /** So much of the executable has left the desk. */
  sent(bytes: number): void {
    if (bytes <= this.#sentBytes) return
    this.#sentBytes = bytes
    this.#gotOn()
  }

  /** Called at each loss: false when nothing ever worked, or has not got on since the first of these losses for long. */
  mayReconnect(error: unknown): boolean {
    this.#lostAt ??= performance.now()
    const worked = this.#begun || (this.#reached && !isEngineGone(error))
    return worked && performance.now() - this.#lostAt <= RECONNECT_FOR_MS
  }

  /** Once an outage, however often it is tried. */
  isFirstLoss(): boolean {
    const first = !this.#lossTold
    this.#lossTold = true
    return first
  }

  /** False for an event that was told before. */
  isNew(event: Event): boolean {
    if (event.type === 'step-progress') {
      if (event.done > (this.#furthest.get(event.id) ?? -1)) {
        this.#furthest.set(event.id, event.done)
        this.#news()
      }
      return true
    }
    const what = event.type === 'step-started' || event.type === 'step-done' ? `${event.type} ${event.id}` : event.type
    if (!this.#told.has(what)) this.#news()
    const key = JSON.stringify(event)
    const isNew = !this.#told.has(key)
    this.#told.add(what).add(key)
    return isNew
  }

  #news(): void {
    this.#begun = true
    this.#gotOn()
  }

  #gotOn(): void {
    this.#lostAt = undefined
    this.#lossTold = false
  }
}

/** Whether it is the connection, or the engine at its other end, that went: a run outlives both. */
export function isLost(error: unknown): boolean {
  const { code } = factsOf(error)
  return ['host-lost', 'host-unreachable', 'host-timeout'].includes(code) || isEngineGone(error)
}

/** What is said of a loss, once an outage. */
export function lossText(error: unknown, { begun }: Advance): string {
  if (isEngineGone(error)) return ENGINE_GONE
  return begun ? LOST : LOST_EARLY
}

function isEngineGone(error: unknown): boolean {
  return factsOf(error).code === 'engine-gone'
}
