import { readFile } from 'node:fs/promises'
import { LAST_VALIDATION } from '../contract/last-validation.ts'
import { NODE_PATHS } from '../contract/paths.ts'
import type { ValidationSummary } from '../contract/status.ts'
import { bootTime } from '../service/boot-time.ts'
import { readAsset } from './assets.ts'
import { sumUpDay } from './day.ts'
import { recentEvents } from './events.ts'
import { History } from './history.ts'
import { FRESH_MS, HubWatch } from './hub-watch.ts'
import { HubLook } from './look.ts'
import { pageMetrics } from './page-metrics.ts'
import { type AgentFacts, type PageStatus, pageStatus, readInstalled } from './page-status.ts'
import { Reports } from './reports.ts'
import { ResourceReader } from './resources.ts'
import { type Page, type PageContent, servePage } from './serve-page.ts'

/** The agent's page, with what it remembers for it. */
export class AgentPage {
  readonly watch: HubWatch
  readonly #facts: AgentFacts
  readonly #say: (message: string) => void
  readonly #history = new History(`${NODE_PATHS.reports}/history.ndjson`)
  readonly #reports = new Reports(NODE_PATHS.reports)
  readonly #resources = new ResourceReader()
  readonly #status: () => Promise<PageStatus>
  #page: Page | undefined
  #said = ''

  /** `say` is told, once, when the page cannot be served. */
  constructor(facts: AgentFacts, say: (message: string) => void) {
    this.#facts = facts
    this.#say = say
    const hub = new HubLook()
    this.watch = new HubWatch({ history: this.#history, look: () => hub.look(), lastValidation: readLastValidation })
    this.#status = kept(FRESH_MS, () => this.#readStatus())
  }

  /** Where the page is served: `127.0.0.1:9470`; null when that port is taken. */
  get address(): string | null {
    return this.#page?.address ?? null
  }

  /** Serves the page on that port from now on. A port that is taken is no failure of the agent: it is tried again. */
  async keepOn(port: number): Promise<void> {
    if (this.#page?.port === port) return
    await this.close()
    try {
      this.#page = await servePage(this.#content(), port)
      this.#said = ''
    } catch (error) {
      const message = `no page on 127.0.0.1:${port}: ${error instanceof Error ? error.message : String(error)}`
      if (message !== this.#said) this.#say(`${message}; going on without it (settings.ports.page moves it)`)
      this.#said = message
    }
  }

  async close(): Promise<void> {
    const page = this.#page
    this.#page = undefined
    await page?.close()
  }

  #content(): PageContent {
    return {
      asset: readAsset,
      status: this.#status,
      history: kept(FRESH_MS, async () => sumUpDay(await this.#history.lines(), Date.now())),
      events: kept(FRESH_MS, () => this.#events()),
      reports: kept(FRESH_MS, () => this.#reports.list()),
      report: (run) => this.#reports.text(run),
      metrics: async () => pageMetrics(await this.#status(), await this.#reports.list()),
    }
  }

  async #readStatus(): Promise<PageStatus> {
    const [look, validation] = await Promise.all([this.watch.latest(), readLastValidation()])
    return pageStatus({ facts: this.#facts, look, validation, resources: this.#resources, page: this.address })
  }

  async #events() {
    const [lines, reports, { state, installedAt }, bootedAt] = await Promise.all([
      this.#history.lines(),
      this.#reports.list(),
      readInstalled(),
      bootTime(),
    ])
    const text = `Installed: bundle ${state.bundleVersion}, profile ${state.profile}, with mojabox ${state.mojabox}`
    return recentEvents({ lines, reports, installed: { at: installedAt, text }, bootedAt })
  }
}

/** What was found out is good for a while, and found out once, however many ask. A failure is not kept. */
export function kept<T>(ms: number, find: () => Promise<T>): () => Promise<T> {
  let found: { atMs: number; value: Promise<T> } | undefined
  return () => {
    const atMs = performance.now()
    if (found && atMs - found.atMs < ms) return found.value
    const value = find()
    const mine = { atMs, value }
    found = mine
    value.catch(() => {
      if (found === mine) found = undefined
    })
    return value
  }
}

/** Read without its schema, as all that the agent reads. */
async function readLastValidation(): Promise<ValidationSummary | null> {
  try {
    const last: ValidationSummary = JSON.parse(await readFile(`${NODE_PATHS.reports}/${LAST_VALIDATION}`, 'utf8'))
    return Number.isNaN(Date.parse(last.at)) ? null : last
  } catch {
    return null
  }
}
