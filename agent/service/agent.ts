import { createServer } from 'node:http'
import { rm } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { MojaboxError } from '../../bundles/format/error.ts'
import type { NodeState } from '../contract/node-state.ts'
import { NODE_PATHS } from '../contract/paths.ts'
import type { NodeStatus } from '../contract/status.ts'
import { createRunCommand } from '../runtimes/command.ts'
import { serveMirror } from '../store/mirror.ts'
import { storeContent } from '../store/store-content.ts'
import { Store } from '../store/store.ts'
import { reenter } from './reentry.ts'
import { observeStatus, readNodeState } from './status.ts'
import { saveReport, validateApart } from './validation.ts'

/** After a boot the services need a while: until then a failed validation would say nothing new. */
const SETTLE_LIMIT_MS = 5 * 60 * 1000
const LOOK_EVERY_MS = 3_000
const LEVELS = ['services', 'ledger']

/**
 * The agent: keeps the store and its mirror, validates the hub on its interval, and answers `status` on a unix socket.
 * The socket takes one question and no orders. Runs until `signal`.
 */
export async function runAgent(signal: AbortSignal): Promise<void> {
  const state = await readNodeState()
  if (!state) throw nothingToKeep()
  const startedAt = new Date().toISOString()
  const mirror = await serveMirror(storeContent(new Store(NODE_PATHS.store), state.bundle))
  let nextValidationAt: string | null = null
  const status = async (): Promise<NodeStatus> => ({
    ...(await observeStatus(createRunCommand(signal), state)),
    agent: { pid: process.pid, startedAt, residentBytes: process.memoryUsage.rss(), mirror: mirror.address },
    nextValidationAt,
  })
  const close = await answerStatus(status)
  try {
    await settled(status, signal)
    for (;;) {
      await validate(state, signal)
      const waitMs = state.settings.validateEverySeconds * 1000
      nextValidationAt = new Date(Date.now() + waitMs).toISOString()
      await delay(waitMs, undefined, { signal })
    }
  } catch (error) {
    if (!signal.aborted) throw error
  } finally {
    await close()
    await mirror.close()
  }
}

async function answerStatus(status: () => Promise<NodeStatus>): Promise<() => Promise<void>> {
  const server = createServer((request, response) => {
    if (request.method !== 'GET' || request.url !== '/status') return void response.writeHead(404).end()
    status().then(
      (body) => response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(body)),
      (error) => response.writeHead(500).end(String(error)),
    )
  })
  await rm(NODE_PATHS.agentSocket, { force: true })
  await new Promise<void>((resolve, reject) =>
    server
      .once('error', reject)
      .listen({ path: NODE_PATHS.agentSocket, readableAll: true, writableAll: true }, resolve),
  )
  return () =>
    new Promise((resolve) => {
      server.close(() => resolve())
      server.closeAllConnections()
    })
}

/** Waits for the services to be up, at most `SETTLE_LIMIT_MS`. */
async function settled(status: () => Promise<NodeStatus>, signal: AbortSignal): Promise<void> {
  const until = Date.now() + SETTLE_LIMIT_MS
  while (Date.now() < until && (await status()).hub !== 'up') await delay(LOOK_EVERY_MS, undefined, { signal })
}

async function validate(state: NodeState, signal: AbortSignal): Promise<void> {
  try {
    const report = await validateApart(reenter, LEVELS, `agent-${Date.now()}`, signal)
    await saveReport(report)
    if (!report.passed) process.stderr.write(`validation of ${state.site}/${state.host} failed\n`)
  } catch (error) {
    if (signal.aborted) throw error
    process.stderr.write(
      `${error instanceof MojaboxError ? `${error.message}: ${error.facts.found}` : String(error)}\n`,
    )
  }
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
