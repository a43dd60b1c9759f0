import { mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { createServer, request } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
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

// No Docker of this machine's is looked at.
vi.mock('../../../agent/facts/docker-socket.ts', () => ({ getFromDocker: async () => ({ body: [] }) }))

const trace = join(NODE_PATHS.root, 'trace')
const status = (hub: string) => JSON.stringify({ version: 1, host: 'n1', hub, agent: null, nextValidationAt: null })

beforeEach(async () => {
  await rm(NODE_PATHS.root, { recursive: true, force: true })
  await mkdir(NODE_PATHS.reports, { recursive: true })
  await mkdir(dirname(NODE_PATHS.agentSocket), { recursive: true })
  await install(await freePort())
  await writeFile(trace, '')
  child.script = `echo "$*" >> ${trace}; [ "$2" = status ] && echo '${status('up')}'; true`
})

/** What an install leaves. */
async function install(page: number) {
  const settings = { validateEverySeconds: 300, ports: { page } }
  const state = {
    site: 's',
    host: 'n1',
    deployment: 'd',
    profile: 'p',
    bundle: BUNDLE,
    bundleVersion: '1',
    mojabox: '0',
    settings,
  }
  await writeFile(NODE_PATHS.node, JSON.stringify(state))
}

/** A port that nobody has; `hold` keeps it until the test ends. */
async function freePort({ hold = false } = {}): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const close = () => new Promise((resolve) => server.close(resolve))
  if (hold) onTestFinished(async () => void (await close()))
  else await close()
  return port
}

function pageOn(port: number, path: string): Promise<Response> {
  return fetch(`http://127.0.0.1:${port}${path}`)
}

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

  it('looks once at a time, however many ask, and never tells what was before the question', async () => {
    const count = join(NODE_PATHS.root, 'count')
    // Each look takes a while, says that it is not alone, and which one it is.
    child.script = `[ "$2" = status ] || exit 0
      mkdir ${count}.busy || { echo "two looks at once" >&2; exit 9; }
      echo >> ${count}; at=$(wc -l < ${count}); sleep 0.2; rmdir ${count}.busy
      echo '${status('starting').slice(0, -1)},"look":'$at'}'`
    await start()
    await vi.waitFor(() => stat(`${count}.busy`))
    const running = (await readFile(count, 'utf8')).length
    const answers = await Promise.all(Array.from({ length: 30 }, () => asked('/status')))
    expect(answers.map(({ status: code }) => code)).toEqual(Array(30).fill(200))
    const looks = answers.map(({ body }) => JSON.parse(body).look as number)
    expect(Math.min(...looks)).toBeGreaterThan(running)
    expect(new Set(looks).size).toBeLessThanOrEqual(2)
  })

  it('turns away whoever comes when many are there already, and those who say nothing after a while', async () => {
    await start()
    const silent = Array.from({ length: 80 }, () => connect(NODE_PATHS.agentSocket).on('error', () => {}))
    onTestFinished(() => {
      for (const socket of silent) socket.destroy()
    })
    await vi.waitFor(() => expect(silent.filter((socket) => socket.closed).length).toBeGreaterThanOrEqual(16))
    expect(silent.filter((socket) => !socket.closed).length).toBeLessThanOrEqual(64)
    await vi.waitFor(async () => expect((await asked('/status')).status).toBe(200), { timeout: 15_000, interval: 500 })
  }, 20_000)

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

  it('serves its page where the site wants it, and tells so', async () => {
    const port = await freePort()
    await install(port)
    await start()
    expect(JSON.parse((await asked('/status')).body).agent.page).toBe(`127.0.0.1:${port}`)
    expect((await pageOn(port, '/')).headers.get('content-type')).toContain('text/html')
    expect(await (await pageOn(port, '/api/status')).json()).toMatchObject({ host: 'n1', hub: 'down', services: [] })
    expect(await (await pageOn(port, '/metrics')).text()).toContain('mojabox_hub_up 0\n')
  })

  it('goes on without a page when the port is taken, says so once, and tells so', async () => {
    const said: string[] = []
    const spy = vi.spyOn(process.stderr, 'write').mockImplementation((text) => said.push(String(text)) > 0)
    onTestFinished(() => spy.mockRestore())
    const port = await freePort({ hold: true })
    await install(port)
    await start()
    expect(JSON.parse((await asked('/status')).body).agent.page).toBeNull()
    expect(said.filter((text) => text.includes(`no page on 127.0.0.1:${port}`))).toHaveLength(1)
  })

  it('moves its page when a later install says so', async () => {
    const [first, second] = [await freePort(), await freePort()]
    await install(first)
    await start()
    expect((await pageOn(first, '/')).status).toBe(200)
    await install(second)
    await vi.waitFor(async () => expect((await pageOn(second, '/')).status).toBe(200), 6_000)
    await expect(pageOn(first, '/')).rejects.toThrow()
  })

  it('remembers validations and its own start for a day', async () => {
    await start()
    await vi.waitFor(async () => {
      const lines = await readFile(join(NODE_PATHS.reports, 'history.ndjson'), 'utf8')
      expect(lines).toMatch(/"kind":"agent"[\s\S]*"kind":"look"/)
    })
  })
})
