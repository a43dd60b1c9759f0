import { mkdir, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { PassThrough } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { PAGE_RELAY_MARK, pagePortOf } from '../../../agent/contract/page.ts'
import { NODE_PATHS } from '../../../agent/contract/paths.ts'
import { relayPage } from '../../../agent/service/page-relay.ts'

vi.mock('../../../agent/contract/paths.ts', async () => (await import('../engine/node-paths.ts')).pathsBelow())

beforeEach(async () => {
  await rm(NODE_PATHS.root, { recursive: true, force: true })
  await mkdir(NODE_PATHS.root, { recursive: true })
})

async function pageThatSays(text: string): Promise<number> {
  const server = createServer((_request, response) => response.end(text))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  return (server.address() as AddressInfo).port
}

const installed = (page: number) => writeFile(NODE_PATHS.node, JSON.stringify({ settings: { ports: { page } } }))

function relayed() {
  const [stdin, stdout] = [new PassThrough(), new PassThrough()]
  const ended = relayPage(stdin as never, stdout as never)
  ended.then(
    () => stdout.end(),
    () => {},
  )
  return { stdin, stdout, ended }
}

describe('relayPage', () => {
  it('carries one connection, after its mark', async () => {
    await installed(await pageThatSays('the page'))
    const { stdin, stdout } = relayed()
    stdin.end('GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')
    const said = await buffer(stdout)
    expect(said.subarray(0, PAGE_RELAY_MARK.length)).toEqual(PAGE_RELAY_MARK)
    expect(said.toString()).toMatch(/HTTP\/1\.1 200 OK[\s\S]*the page/)
  })

  it('ends when the desk hangs up', async () => {
    await installed(await pageThatSays(''))
    const { stdin, ended } = relayed()
    stdin.end()
    await ended
  })

  it('says where it looked when nobody serves a page', async () => {
    const port = await pageThatSays('')
    await installed(port === 65_535 ? 1 : port + 1)
    await expect(relayed().ended).rejects.toMatchObject({
      facts: { code: 'page-not-served', next: expect.any(String) },
    })
  })

  it('says that nothing is installed where nothing is', async () => {
    await expect(relayed().ended).rejects.toMatchObject({ facts: { code: 'not-installed', next: 'mojabox install' } })
  })
})

describe('pagePortOf', () => {
  it.each([
    [{ page: 8080 }, 8080],
    [{ kafka: 1 }, 9470],
    [{}, 9470],
    [undefined, 9470],
    [{ page: 'x' }, 9470],
    [{ page: 0 }, 9470],
    [{ page: 70_000 }, 9470],
  ])('is the site’s, else 9470: %j', (ports, port) => {
    expect(pagePortOf(ports)).toBe(port)
  })
})
