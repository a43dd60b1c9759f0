import { readFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { MojaboxError } from '../../bundles/format/error.ts'
import type { Digest } from '../../bundles/format/manifest.ts'
import { LEVELS } from '../contract/levels.ts'
import { pagePortOf } from '../contract/page.ts'
import { NODE_PATHS } from '../contract/paths.ts'
import type { NodeStatus } from '../contract/status.ts'
import { AgentPage } from '../page/agent-page.ts'
import { type MirrorContent, serveMirror } from '../store/mirror.ts'
import { oneAtATime } from './one-at-a-time.ts'
import { reenter } from './reentry.ts'
import { serveStatus } from './status-socket.ts'
import { runChild, runValidation } from './validation-process.ts'

/** After a boot the services need a while: until then a failed validation would say nothing new. */
const SETTLE_LIMIT_MS = 5 * 60 * 1000
const LOOK_EVERY_MS = 3_000

/** What the agent has to remember of node.json. */
interface Kept {
  bundle: Digest
  validateEverySeconds: number
  pagePort: number
}

/**
 * The agent: keeps the store and its mirror, validates the hub on its interval, serves its page on the loopback, and
 * answers `status` on a unix socket. The socket takes one question and no orders. Runs until `signal`. It stays small (at most 70 MB resident) by loading
 * nearly nothing: what needs libraries is done by child processes of the same executable.
 * @throws MojaboxError `not-installed`
 */
export async function runAgent(signal: AbortSignal): Promise<void> {
  const { pagePort } = await readKept()
  const startedAt = new Date().toISOString()
  const mirror = await serveMirror(lazyContent())
  const now = { nextValidationAt: null as string | null, validating: false }
  const page = new AgentPage(
    {
      startedAt,
      mirror: mirror.address,
      nextValidationAt: () => now.nextValidationAt,
      validating: () => now.validating,
    },
    (message) => process.stderr.write(`${message}\n`),
  )
  await page.keepOn(pagePort)
  // A look costs a child process, and any user of this machine may ask for one.
  const status = oneAtATime(
    async (): Promise<NodeStatus> => ({
      ...(await observeApart(signal)),
      agent: {
        pid: process.pid,
        startedAt,
        residentBytes: process.memoryUsage.rss(),
        mirror: mirror.address,
        page: page.address,
      },
      nextValidationAt: now.nextValidationAt,
    }),
  )
  const close = await serveStatus(status)
  const watching = page.watch.run(signal)
  try {
    await settled(status, signal)
    for (;;) {
      now.validating = true
      await validate(signal).finally(() => {
        now.validating = false
      })
      const validatedAt = Date.now()
      await page.watch.validated()
      await untilDue(validatedAt, signal, async (dueAt, kept) => {
        now.nextValidationAt = new Date(dueAt).toISOString()
        await page.keepOn(kept.pagePort)
      })
    }
  } catch (error) {
    if (!signal.aborted) throw error
  } finally {
    await page.close()
    await close()
    await mirror.close()
    if (signal.aborted) await watching
  }
}

/** Waits for the next validation; a later install may change its interval meanwhile, so that is read again and again. */
async function untilDue(
  sinceMs: number,
  signal: AbortSignal,
  tell: (dueAt: number, kept: Kept) => Promise<void>,
): Promise<void> {
  for (;;) {
    const kept = await readKept()
    const dueAt = sinceMs + kept.validateEverySeconds * 1000
    await tell(dueAt, kept)
    const leftMs = dueAt - Date.now()
    if (leftMs <= 0) return
    await delay(Math.min(leftMs, LOOK_EVERY_MS), undefined, { signal })
  }
}

/** Read without its schema, which would cost 15 MB for as long as the agent lives; the install wrote it. */
async function readKept(): Promise<Kept> {
  const text = await readFile(NODE_PATHS.node, 'utf8').catch(() => undefined)
  if (text === undefined) throw nothingToKeep()
  const { bundle, settings } = JSON.parse(text)
  const validateEverySeconds = Math.max(10, Number(settings?.validateEverySeconds) || 300)
  return { bundle, validateEverySeconds, pagePort: pagePortOf(settings?.ports) }
}

/** The store's content, loaded when somebody asks for it. */
function lazyContent(): MirrorContent {
  const load = async () => {
    const { storeContent } = await import('../store/store-content.ts')
    const { Store } = await import('../store/store.ts')
    return storeContent(new Store(NODE_PATHS.store), (await readKept()).bundle)
  }
  return {
    manifest: async (reference) => (await load()).manifest(reference),
    blob: async (digest) => (await load()).blob(digest),
  }
}

async function observeApart(signal: AbortSignal): Promise<NodeStatus> {
  const [program = '', ...argv] = reenter(['node', 'status'])
  const { code, stdout, stderr } = await runChild(program, argv, signal)
  if (code !== 0) throw new Error(stderr.trim() || `exit code ${code}`)
  return JSON.parse(stdout)
}

/** Waits for the services to be up, at most `SETTLE_LIMIT_MS`. */
async function settled(status: () => Promise<NodeStatus>, signal: AbortSignal): Promise<void> {
  const until = performance.now() + SETTLE_LIMIT_MS
  while (performance.now() < until) {
    const { hub } = await status().catch(() => ({ hub: 'down' }))
    if (hub === 'up') return
    await delay(LOOK_EVERY_MS, undefined, { signal })
  }
}

/** What went wrong goes to the journal of systemd; the report is on disk. */
async function validate(signal: AbortSignal): Promise<void> {
  const ended = await runValidation(reenter, [...LEVELS], `agent-${Date.now()}`, signal).catch((error: Error) => {
    if (signal.aborted) throw error
    return { code: null, stdout: '', stderr: error.message }
  })
  if (ended.code !== 0)
    process.stderr.write(`validation did not pass: ${ended.stderr.trim() || `exit code ${ended.code}`}\n`)
}

function nothingToKeep(): MojaboxError {
  return new MojaboxError({
    code: 'not-installed',
    kind: 'check',
    message: 'nothing is installed here for the agent to keep',
    found: `no ${NODE_PATHS.node}`,
    needed: 'a finished `mojabox install`',
    next: 'mojabox install',
  })
}
