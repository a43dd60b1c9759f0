import type { ErrorFacts } from '../../bundles/format/error.ts'
import type { CheckResult } from './check.ts'
import type { Report } from './report.ts'

/** What a run tells: one reader is the terminal, another `--json` (NDJSON, one event a line). No secrets. */
export type EventBody =
  | { type: 'run-started'; verb: string; deployment: string; profile: string }
  | { type: 'connected'; address: string }
  | { type: 'transfer'; what: string; doneBytes: number; totalBytes: number }
  | { type: 'check'; result: CheckResult }
  | { type: 'plan'; steps: PlannedStep[] }
  | { type: 'config'; compose: string; values: ConfigValue[] }
  | { type: 'step-started'; id: string; title: string; index: number; count: number }
  | { type: 'step-progress'; id: string; done: number; total: number; unit: 'bytes' | 'items'; note?: string }
  | { type: 'step-done'; id: string; title: string; changed: boolean; seconds: number }
  | { type: 'step-failed'; id: string; title: string; error: ErrorFacts }
  | { type: 'waiting-for-desk'; what: string }
  /** Where the blobs of a run came from that passes them on among its hosts. */
  | { type: 'seeded'; fromDeskBytes: number; fromPeersBytes: number }
  | { type: 'report'; report: Report }
  | { type: 'status'; status: unknown }
  /** Where the page of a host can be looked at; `lasts`: as long as this command runs. */
  | { type: 'page'; url: string; lasts: boolean }
  | { type: 'note'; level: 'info' | 'warn'; message: string }
  | { type: 'run-finished'; outcome: 'done' | 'failed'; changed: number; seconds: number; error?: ErrorFacts }

/** Every event names when (ISO 8601), where (the site's name of the host) and in which run it happened. */
export type Event = EventBody & { at: string; host: string; run: string }

export type Emit = (event: EventBody) => void

/** One value that a service is run with. */
export interface ConfigValue {
  service: string
  /** `environment.LOG_LEVEL`, `central-ledger.json: DATABASE.HOST` */
  name: string
  value: string
  /** `upstream`, `profile`, `site`, or the file of an override. */
  origin: string
}

export interface PlannedStep {
  id: string
  kind: string
  title: string
  done: boolean
}
