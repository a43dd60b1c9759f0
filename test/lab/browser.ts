import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BrowserContext, chromium, type Locator, type Page } from 'playwright-core'
import { ensurePackages } from './packages.ts'

const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

export interface Look {
  dark?: boolean
  width?: number
  height?: number
  reducedMotion?: boolean
}

/** Debian's Chromium with a profile of its own. */
export class Browser {
  readonly #folder: string
  readonly #context: BrowserContext

  private constructor(folder: string, context: BrowserContext) {
    this.#folder = folder
    this.#context = context
  }

  static async open(): Promise<Browser> {
    await ensurePackages(['chromium'])
    const folder = await mkdtemp(join(tmpdir(), 'mojabox-browser-'))
    const context = await chromium.launchPersistentContext(folder, {
      executablePath: '/usr/bin/chromium',
      args: FLAGS,
      locale: 'en-GB',
    })
    // A busy machine is slow, but not that slow.
    context.setDefaultTimeout(15_000)
    return new Browser(folder, context)
  }

  /** Opens an address in a tab of its own; `problems` gathers what a person would see in the console. */
  async tab(url: string, { dark = false, width = 1200, height = 900, reducedMotion = false }: Look = {}) {
    const page = await this.#context.newPage()
    const problems: string[] = []
    const requested: string[] = []
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') problems.push(message.text())
    })
    page.on('pageerror', (error) => problems.push(String(error)))
    page.on('request', (request) => requested.push(request.url()))
    await page.setViewportSize({ width, height })
    await page.emulateMedia({
      colorScheme: dark ? 'dark' : 'light',
      reducedMotion: reducedMotion ? 'reduce' : 'no-preference',
    })
    await page.goto(url)
    return { page, problems, requested }
  }

  /** Closes what is open, so that no page of an earlier test goes on asking. */
  async closeTabs(): Promise<void> {
    await Promise.all(this.#context.pages().map((page) => page.close()))
  }

  async close(): Promise<void> {
    await this.#context.close()
    await rm(this.#folder, { recursive: true, force: true })
  }
}

/** Once the hub's state is there. */
export async function shown(page: Page): Promise<void> {
  await page.waitForSelector('#verdict[data-tone]')
}

/** What a person sees there: text that is hidden is not in it. */
export function seen(locator: Locator): Promise<string> {
  // biome-ignore lint/performance/useDomNodeTextContent: the layout is the point
  return locator.innerText()
}
