import type { Event } from '../../agent/contract/events.ts'

/** One reader of the event stream. */
export interface Reader {
  take(event: Event): void
  end(): void
}

export interface ReaderOptions {
  json: boolean
  /** Only the result, and what went wrong. */
  quiet?: boolean
  hosts: number
  verb: string
}
