import { spawn } from 'node:child_process'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { PAGE_RELAY_MARK } from '../../../agent/contract/page.ts'
import { PageLink } from '../../../installer/delivery/page-link.ts'
import { serveAtDesk } from '../../../installer/delivery/serve-at-desk.ts'
import type { Connection } from '../../../installer/fleet/connection.ts'
import { connectLocal } from '../../../installer/fleet/local-connection.ts'

/** A node's page, with the addresses it was asked for. */
async function nodePage(answer: RequestListener = (_request, response) => response.end('the page')) {
  const asked: string[] = []
  const sockets = new Set<unknown>()
  const server = createServer({ keepAliveTimeout: 5_000 }, (request, response) => {
    asked.push(`${request.method} ${request.url} ${request.headers.host}`)
    sockets.add(request.socket)
    answer(request, response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  return { port: (server.address() as AddressInfo).port, asked, sockets, server }
}

/** What `mojabox node page` does, as a program of its own: says the mark, then carries one connection. */
const RELAY = `
  const socket = require('node:net').connect(Number(process.argv[1]), '127.0.0.1', () => {
    process.stdout.write(Buffer.from(process.argv[2], 'hex'))
    process.stdin.pipe(socket).pipe(process.stdout)
  })
  socket.on('close', () => process.exit(0)).on('error', () => process.exit(6))`

/** A host whose relay is that program; `noise` is what a login shell says before it. */
function hostWith(port: number, { noise = '' } = {}) {
  const spawned: string[][] = []
  const reached: Connection[] = []
  const reach = async (): Promise<Connection> => {
    const local = connectLocal('n1')
    const connection: Connection = {
      ...local,
      spawn: (argv) => {
        spawned.push(argv)
        const mark = Buffer.concat([Buffer.from(noise), PAGE_RELAY_MARK]).toString('hex')
        return local.spawn([process.execPath, '-e', RELAY, String(port), mark])
      },
    }
    reached.push(connection)
    return connection
  }
  return { reach, spawned, reached }
}

async function desk(reach: () => Promise<Connection>) {
  const link = new PageLink(reach)
  const page = await serveAtDesk(link, undefined, 0)
  onTestFinished(async () => {
    await page.close()
    await link.close()
  })
  return page.url
}

describe('a page at the desk', () => {
  it('is the node’s, by the way of one command at a time', async () => {
    const { port, asked } = await nodePage()
    const { reach, spawned } = hostWith(port)
    const url = await desk(reach)
    const answer = await fetch(`${url}api/status?x=1`)
    expect(await answer.text()).toBe('the page')
    expect(asked).toEqual([`GET /api/status?x=1 ${new URL(url).host}`])
    expect(spawned).toEqual([[expect.stringMatching(/mojabox$/), 'node', 'page']])
  })

  it('keeps its way for the next question, and never takes more than two at once', async () => {
    const { port, sockets, asked } = await nodePage((_request, response) => setTimeout(() => response.end('x'), 30))
    const { reach, spawned, reached } = hostWith(port)
    const url = await desk(reach)
    await Promise.all(Array.from({ length: 12 }, () => fetch(url).then((answer) => answer.text())))
    expect(asked).toHaveLength(12)
    expect(sockets.size).toBeLessThanOrEqual(2)
    expect(spawned.length).toBeLessThanOrEqual(2)
    expect(reached).toHaveLength(1)
  })

  it('does not show that the node hung up meanwhile', async () => {
    const { port, server } = await nodePage()
    const url = await desk(hostWith(port).reach)
    for (let times = 0; times < 4; times += 1) {
      expect((await fetch(url)).status).toBe(200)
      server.closeAllConnections()
    }
  })

  it('passes on what the node says, headers too', async () => {
    const { port } = await nodePage((_request, response) => {
      response.writeHead(421, { 'X-Frame-Options': 'DENY', 'Content-Type': 'application/json' }).end('{"message":"no"}')
    })
    const answer = await fetch(await desk(hostWith(port).reach))
    expect(answer.status).toBe(421)
    expect(answer.headers.get('x-frame-options')).toBe('DENY')
    expect(await answer.json()).toEqual({ message: 'no' })
  })

  it('does not mind what a login shell says first', async () => {
    const { port } = await nodePage()
    const url = await desk(hostWith(port, { noise: 'Welcome to hub1\n\u0000mojabox' }).reach)
    expect(await (await fetch(url)).text()).toBe('the page')
  })

  it('takes no orders', async () => {
    const { port, asked } = await nodePage()
    const url = await desk(hostWith(port).reach)
    expect((await fetch(url, { method: 'POST', body: 'x' })).status).toBe(405)
    expect(asked).toEqual([])
  })

  it('says so when there is no page, and finds it once there is', async () => {
    const { port, server } = await nodePage()
    const ways = hostWith(1)
    const url = await desk(ways.reach)
    const answer = await fetch(url)
    expect(answer.status).toBe(502)
    expect(((await answer.json()) as { message: string }).message).toContain('there is no page on')
    expect(server.listening).toBe(true)
    expect(ways.reached.length).toBe(1)
    expect(port).toBeGreaterThan(0)
  })

  it('connects again when the link was lost', async () => {
    const { port } = await nodePage()
    const { reach, reached } = hostWith(port)
    let lost = true
    const url = await desk(async () => {
      const connection = await reach()
      if (!lost) return connection
      lost = false
      return { ...connection, spawn: () => Promise.reject(new Error('the link is gone')) }
    })
    expect((await fetch(url)).status).toBe(502)
    expect((await fetch(url)).status).toBe(200)
    expect(reached).toHaveLength(2)
  })

  it('leaves no command behind', async () => {
    const { port } = await nodePage()
    const { reach } = hostWith(port)
    const link = new PageLink(reach)
    const page = await serveAtDesk(link, undefined, 0)
    await fetch(page.url)
    await page.close()
    await link.close()
    // A process that was ended is there until it is waited for.
    await vi.waitFor(async () => expect(await relaysHere()).toBe(''), { timeout: 5_000 })
  })
})

async function relaysHere(): Promise<string> {
  const left = spawn('pgrep', ['-f', `${PAGE_RELAY_MARK.toString('hex')}$`, '-P', String(process.pid)])
  const pids: Buffer[] = []
  left.stdout.on('data', (piece) => pids.push(piece))
  await new Promise((resolve) => left.once('close', resolve))
  return Buffer.concat(pids).toString()
}

describe('serveAtDesk', () => {
  it('takes another port where the usual one is taken, but not where one was asked for', async () => {
    const { port } = await nodePage()
    const link = new PageLink(() => Promise.reject(new Error('nobody asks')))
    const page = await serveAtDesk(link, undefined, port)
    onTestFinished(() => page.close())
    expect(page.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/$/)
    expect(new URL(page.url).port).not.toBe(String(port))
    await expect(serveAtDesk(link, port, 9470)).rejects.toMatchObject({
      facts: { code: 'port-taken', kind: 'usage', next: expect.stringContaining('--port') },
    })
  })
})
