import { basename } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { VERSION } from '../../bundles/format/version.ts'
import type { ValidationSummary } from '../contract/status.ts'
import { isWell } from '../service/hub-state.ts'
import { HEARTBEAT_MS } from './day.ts'
import { withoutTwice } from './failed-cases.ts'
import type { History, HistoryLine } from './history.ts'
import type { Look, LookedService } from './look.ts'

/** How often the hub is looked at when nobody asks; one look takes some milliseconds of one core. */
const LOOK_EVERY_MS = 15_000
/** A look that young is as good as a new one, however many pages are open. */
export const FRESH_MS = 3_000

export interface WatchSources {
  history: Pick<History, 'add' | 'lines'>
  look(): Promise<Look>
  lastValidation(): Promise<ValidationSummary | null>
  now?: () => number
}

/** Keeps an eye on the hub: remembers each change of its state, and each validation, whoever asked for it. */
export class HubWatch {
  readonly #sources: WatchSources
  readonly #now: () => number
  #latest: Look | undefined
  #looking: Promise<Look> | undefined
  #told: { text: string; atMs: number } | undefined
  #validatedAt: string | undefined

  constructor(sources: WatchSources) {
    this.#sources = sources
    this.#now = sources.now ?? Date.now
  }

  /** The hub as it is now, or was at most `FRESH_MS` ago; one look at a time. */
  async latest(): Promise<Look> {
    if (this.#latest && Math.abs(this.#now() - this.#latest.atMs) < FRESH_MS) return this.#latest
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined
    })
    return this.#looking
  }

  /** Looks again and again until `signal`; never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const validations = (await this.#sources.history.lines()).filter((line) => line.kind === 'validation')
    this.#validatedAt = validations.at(-1)?.at
    await this.#sources.history.add({ at: this.#at(this.#now()), kind: 'agent', version: VERSION })
    while (!signal.aborted) {
      await this.latest().catch(() => {})
      await delay(LOOK_EVERY_MS, undefined, { signal }).catch(() => {})
    }
  }

  /** To be called when a validation has ended. */
  async validated(): Promise<void> {
    const last = await this.#sources.lastValidation()
    if (!last || last.at === this.#validatedAt) return
    this.#validatedAt = last.at
    await this.#sources.history.add({
      at: last.at,
      kind: 'validation',
      run: runOf(last),
      passed: last.passed,
      seconds: last.seconds,
      failed: last.failed.slice(0, 5).map((title) => withoutTwice(title).slice(0, 200)),
    })
  }

  async #look(): Promise<Look> {
    const look = await this.#sources.look()
    this.#latest = look
    const seen = { kind: 'look', hub: look.hub, ill: illOf(look.services) } as const
    const text = JSON.stringify(seen)
    const isNews = this.#told?.text !== text
    if (isNews || look.atMs - (this.#told?.atMs ?? 0) >= HEARTBEAT_MS) {
      this.#told = { text, atMs: look.atMs }
      await this.#sources.history.add({ at: this.#at(look.atMs), ...seen } satisfies HistoryLine)
    }
    await this.validated()
    return look
  }

  #at(ms: number): string {
    return new Date(ms).toISOString()
  }
}

/** Of which run its report tells. */
export function runOf({ report }: ValidationSummary): string {
  return basename(report, '.json')
}

function illOf(services: readonly LookedService[]): Record<string, string> {
  return Object.fromEntries(
    services
      .filter((service) => !isWell(service))
      .map(({ service, state, health }) => [service, state === 'running' ? health : state]),
  )
}
