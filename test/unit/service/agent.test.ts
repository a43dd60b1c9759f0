import { mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { dirname, join } from 'node:path'
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { NODE_PATHS } from '../../../agent/contract/paths.ts'
import { runAgent } from '../../../agent/service/agent.ts'
import { BUNDLE } from './orders.ts'

vi.mock('../../../agent/contract/paths.ts', async () => (await import('../engine/node-paths.ts')).pathsBelow())
const child = vi.hoisted(() => ({ script: '' }))
vi.mock('../../../agent/service/reentry.ts', () => ({
  reenter: (args: string[]) => ['sh', '-c', child.script, 'mojabox', ...args],
}))

const trace = join(NODE_PATHS.root, 'trace')
const status = (hub: string) => JSON.stringify({ version: 1, host: 'n1', hub, agent: null, nextValidationAt: null })

beforeEach(async () => {
  await rm(NODE_PATHS.root, { recursive: true, force: true })
  await mkdir(NODE_PATHS.reports, { recursive: true })
  await mkdir(dirname(NODE_PATHS.agentSocket), { recursive: true })
  await writeFile(NODE_PATHS.node, JSON.stringify({ bundle: BUNDLE, settings: { validateEverySeconds: 300 } }))
  await writeFile(trace, '')
  child.script = `echo "$*" >> ${trace}; [ "$2" = status ] && echo '${status('up')}'; true`
})

async function start() {
  const stop = new AbortController()
  const ended = runAgent(stop.signal)
  ended.catch(() => {})
  onTestFinished(async () => {
    stop.abort()
    await ended.catch(() => {})
  })
  await vi.waitFor(() => stat(NODE_PATHS.agentSocket))
  return { stop, ended }
}

function asked(path: string, method = 'GET'): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const question = request({ socketPath: NODE_PATHS.agentSocket, path, method }, (response) => {
      let body = ''
      response.on('data', (piece) => {
        body += piece
      })
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }))
    })
    question.on('error', reject).end()
  })
}

describe('runAgent', () => {
  it('refuses to run where nothing is installed', async () => {
    await rm(NODE_PATHS.node)
    await expect(runAgent(new AbortController().signal)).rejects.toMatchObject({ facts: { code: 'not-installed' } })
  })

  it('answers how the hub is, with what only the agent knows', async () => {
    await start()
    const { status: code, body } = await asked('/status')
    expect(code).toBe(200)
    expect(JSON.parse(body)).toMatchObject({
      hub: 'up',
      agent: {
        pid: process.pid,
        mirror: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
        residentBytes: expect.any(Number),
      },
    })
  })

  it('takes that one question and no orders', async () => {
    await start()
    for (const [path, method] of [
      ['/', 'GET'],
      ['/status', 'POST'],
      ['/status', 'DELETE'],
      ['/validate', 'POST'],
      ['/status?x=1', 'GET'],
    ]) {
      expect((await asked(path ?? '', method)).status).toBe(404)
    }
  })

  it('says that it cannot tell, and goes on, when the look at the hub fails', async () => {
    child.script = 'echo "no docker" >&2; exit 3'
    await start()
    expect(await asked('/status')).toMatchObject({ status: 500, body: expect.stringContaining('no docker') })
    expect((await asked('/status')).status).toBe(500)
  })

  it('validates as soon as the hub is up, and tells when it will again', async () => {
    await start()
    await vi.waitFor(async () =>
      expect(await readFile(trace, 'utf8')).toMatch(
        /node validate --run agent-\d+ --level services --level ledger --level transfer/,
      ),
    )
    await vi.waitFor(async () => {
      const { nextValidationAt } = JSON.parse((await asked('/status')).body)
      const inSeconds = (Date.parse(nextValidationAt) - Date.now()) / 1000
      expect(inSeconds).toBeGreaterThan(200)
      expect(inSeconds).toBeLessThanOrEqual(300)
    })
  })

  it('does not validate a hub that is still starting', async () => {
    child.script = `echo "$*" >> ${trace}; [ "$2" = status ] && echo '${status('starting')}'; true`
    await start()
    await asked('/status')
    expect(await readFile(trace, 'utf8')).not.toContain('validate')
  })

  it('goes on after a validation that failed', async () => {
    const said: string[] = []
    const spy = vi.spyOn(process.stderr, 'write').mockImplementation((text) => said.push(String(text)) > 0)
    onTestFinished(() => spy.mockRestore())
    child.script = `[ "$2" = status ] && { echo '${status('up')}'; exit 0; }; echo "money is stuck" >&2; exit 7`
    await start()
    await vi.waitFor(() => expect(said.join('')).toContain('money is stuck'))
    expect((await asked('/status')).status).toBe(200)
  })

  it('ends when it is told to, and takes its socket away', async () => {
    const { stop, ended } = await start()
    await asked('/status')
    stop.abort()
    await ended
    await expect(stat(NODE_PATHS.agentSocket)).rejects.toThrow()
  })

  it('takes the place of a socket that a killed agent left', async () => {
    await writeFile(NODE_PATHS.agentSocket, '')
    await start()
    await vi.waitFor(async () => expect((await asked('/status')).status).toBe(200))
  })
})
