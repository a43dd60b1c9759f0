import { request } from 'node:http'
import { connect, createServer } from 'node:net'
import { text } from 'node:stream/consumers'
import { describe, expect, it, onTestFinished } from 'vitest'
import { readAsset } from '../../../agent/page/assets.ts'
import { type Page, type PageContent, servePage } from '../../../agent/page/serve-page.ts'

const CONTENT: PageContent = {
  asset: readAsset,
  status: async () => ({ hub: 'up' }),
  history: async () => ({ cells: [] }),
  events: async () => [],
  reports: async () => [],
  report: async (run) => (run === 'agent-1' ? '{"run":"agent-1"}' : undefined),
  metrics: async () => 'mojabox_hub_up 1\n',
}

async function served(content: Partial<PageContent> = {}): Promise<Page> {
  const page = await servePage({ ...CONTENT, ...content }, 0)
  onTestFinished(() => page.close())
  return page
}

async function asked(page: Page, path: string, options: { method?: string; host?: string } = {}) {
  const { method = 'GET', host = page.address } = options
  const { promise, resolve, reject } = Promise.withResolvers<import('node:http').IncomingMessage>()
  const question = request(
    { port: page.port, host: '127.0.0.1', path, method, headers: { host }, agent: false },
    resolve,
  )
  question.on('error', reject).end()
  const answer = await promise
  return { code: answer.statusCode, headers: answer.headers, body: await text(answer) }
}

describe('servePage', () => {
  it.each([
    ['/', 'text/html; charset=utf-8', '<!doctype html>'],
    ['/page.css', 'text/css; charset=utf-8', ':root'],
    ['/page.js', 'text/javascript; charset=utf-8', 'import'],
    ['/icon.svg', 'image/svg+xml', '<svg'],
    ['/api/status', 'application/json; charset=utf-8', '{"hub":"up"}'],
    ['/api/status?again=1', 'application/json; charset=utf-8', '{"hub":"up"}'],
    ['/api/history', 'application/json; charset=utf-8', '{"cells":[]}'],
    ['/api/events', 'application/json; charset=utf-8', '[]'],
    ['/api/reports', 'application/json; charset=utf-8', '[]'],
    ['/api/reports/agent-1', 'application/json; charset=utf-8', '{"run":"agent-1"}'],
    ['/metrics', 'text/plain; version=0.0.4; charset=utf-8', 'mojabox_hub_up 1'],
  ])('serves %s', async (path, type, start) => {
    const { code, headers, body } = await asked(await served(), path)
    expect({ code, type: headers['content-type'] }).toEqual({ code: 200, type })
    expect(body.trimStart().startsWith(start)).toBe(true)
    expect(Number(headers['content-length'])).toBe(Buffer.byteLength(body))
  })

  it('allows nothing from elsewhere and nothing inline, and is kept nowhere', async () => {
    const page = await served()
    for (const path of ['/', '/api/status', '/nowhere', '/metrics']) {
      const { headers } = await asked(page, path)
      const policy = String(headers['content-security-policy'])
      expect(policy).toContain("default-src 'none'")
      expect(policy).toContain("script-src 'self'")
      expect(policy).toContain("frame-ancestors 'none'")
      expect(policy).not.toMatch(/unsafe|\*|https?:|data:/)
      expect(headers).toMatchObject({
        'x-content-type-options': 'nosniff',
        'x-frame-options': 'DENY',
        'referrer-policy': 'no-referrer',
        'cross-origin-resource-policy': 'same-origin',
        'cache-control': 'no-store',
      })
      expect(headers).not.toHaveProperty('access-control-allow-origin')
    }
  })

  it.each(['localhost', 'localhost:9470', '127.0.0.1:80', '127.1.2.3', '[::1]:9470', 'LOCALHOST:1'])(
    'answers who asks for %s',
    async (host) => {
      expect((await asked(await served(), '/api/status', { host })).code).toBe(200)
    },
  )

  it.each([
    'evil.example',
    'evil.example:9470',
    '127.0.0.1.evil.example',
    'localhost.evil.example',
    '10.0.0.7:9470',
    '127.0.0.1@evil.example',
    'localhost, evil.example',
  ])('tells nothing to who was led here as %j', async (host) => {
    const page = await served()
    for (const path of ['/', '/api/status', '/metrics']) {
      const { code, body } = await asked(page, path, { host })
      expect(code).toBe(421)
      expect(body).not.toContain('up')
    }
  })

  it.each(['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'])('takes no orders: %s', async (method) => {
    const { code, headers } = await asked(await served(), '/api/status', { method })
    expect({ code, allow: headers.allow }).toEqual({ code: 405, allow: 'GET, HEAD' })
  })

  it('answers HEAD without a body', async () => {
    const { code, headers, body } = await asked(await served(), '/api/status', { method: 'HEAD' })
    expect({ code, body, length: headers['content-length'] }).toEqual({ code: 200, body: '', length: '12' })
  })

  it.each([
    '/nowhere',
    '/page.html/',
    '/assets.ts',
    '/../serve-page.ts',
    '/..%2fserve-page.ts',
    '/%2e%2e/serve-page.ts',
    '/api',
    '/api/',
    '/api/orders',
    '/api/constructor',
    '/api/__proto__',
    '/api/reports/',
    '/api/reports/none',
    '/api/reports/../status',
    '/api/reports/agent-1/x',
  ])('has nothing at %s', async (path) => {
    expect((await asked(await served(), path)).code).toBe(404)
  })

  it('says so, and goes on, when it cannot find something out; the reason stays here', async () => {
    const page = await served({ status: async () => Promise.reject(new Error('secret path /root/x')) })
    const { code, body } = await asked(page, '/api/status')
    expect(code).toBe(500)
    expect(body).not.toContain('secret')
    expect((await asked(page, '/api/events')).code).toBe(200)
  })

  it('refuses endless headers', async () => {
    const page = await served()
    const socket = connect(page.port, '127.0.0.1')
    socket.on('error', () => {})
    socket.write(`GET / HTTP/1.1\r\nHost: localhost\r\nX-Long: ${'x'.repeat(20_000)}\r\n\r\n`)
    expect(await text(socket)).toMatch(/^HTTP\/1\.1 431 /)
  })

  it('listens on the loopback only', async () => {
    expect((await served()).address).toMatch(/^127\.0\.0\.1:\d+$/)
  })

  it('fails on a port that is taken', async () => {
    const other = createServer()
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void other.close())
    const { port } = other.address() as import('node:net').AddressInfo
    await expect(servePage(CONTENT, port)).rejects.toMatchObject({ code: 'EADDRINUSE' })
  })
})
