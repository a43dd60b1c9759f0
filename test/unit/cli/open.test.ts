import { mkdir, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { NODE_PATHS } from '../../../agent/contract/paths.ts'
import { run } from '../../../installer/cli/program.ts'
import { temporaryFolder } from '../engine/temporary-folder.ts'
import { FakeIo } from '../render/fake-io.ts'

vi.mock('../../../agent/contract/paths.ts', async () => (await import('../engine/node-paths.ts')).pathsBelow())

beforeEach(async () => {
  await rm(NODE_PATHS.root, { recursive: true, force: true })
  await mkdir(NODE_PATHS.root, { recursive: true })
})

async function opened(argv: string[], site?: string) {
  const folder = await temporaryFolder()
  if (site !== undefined) await writeFile(join(folder, 'mojabox.yaml'), site)
  vi.spyOn(process, 'cwd').mockReturnValue(folder)
  onTestFinished(() => void vi.restoreAllMocks())
  const io = new FakeIo({ env: { HOME: folder, USER: 'ops' } })
  const words = site === undefined ? [] : ['-f', join(folder, 'mojabox.yaml')]
  const code = await run(['open', ...argv, ...words], io)
  return { code, out: io.out, err: io.err }
}

async function installedPage(status: number): Promise<number> {
  const server = createServer((_request, response) => response.writeHead(status).end('{}'))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  const { port } = server.address() as AddressInfo
  await writeFile(NODE_PATHS.node, JSON.stringify({ settings: { ports: { page: port } } }))
  return port
}

const SITE = `version: 1
site: lusaka
deployment: core-test-harness
profile: central-ledger
bundle: hub.tar
hosts:
  - { name: hub1, address: 10.0.0.7, user: ops }
  - { name: hub2, address: 10.0.0.8, user: ops }
`

describe('open', () => {
  it('tells the address of this node’s own page, and is done', async () => {
    const port = await installedPage(200)
    expect(await opened([])).toEqual({ code: 0, out: `http://127.0.0.1:${port}/\n`, err: '' })
    expect((await opened(['--host', 'local'])).out).toBe(`http://127.0.0.1:${port}/\n`)
  })

  it('tells it as an event with --json', async () => {
    const port = await installedPage(200)
    const { out } = await opened(['--host', 'local', '--json'])
    expect(JSON.parse(out)).toMatchObject({
      type: 'page',
      host: 'local',
      url: `http://127.0.0.1:${port}/`,
      lasts: false,
    })
  })

  it('does not take somebody else’s server on that port for the page', async () => {
    await installedPage(404)
    const { code, out, err } = await opened(['--host', 'local'])
    expect({ code, out }).toEqual({ code: 6, out: '' })
    expect(err).toMatch(/found: +an answer 404\n {2}needed: .*\n {2}next: +.*mojabox-agent/)
  })

  it('says that nothing is installed where nothing is', async () => {
    const { code, err } = await opened(['--host', 'local'])
    expect(code).toBe(3)
    expect(err).toContain('next:   mojabox install')
  })

  it.each([
    ['several hosts and none named', [], 'one of hub1, hub2', 'mojabox open hub1'],
    ['a host that the site does not have', ['hub3'], 'one of hub1, hub2', 'mojabox open hub'],
  ])('names what there is: %s', async (_what, argv, needed, next) => {
    const { code, err } = await opened(argv, SITE)
    expect(code).toBe(2)
    expect(err).toContain(`needed: ${needed}`)
    expect(err).toContain(`next:   ${next}`)
  })

  it.each(['0', '65536', 'many', '1.5'])('refuses --port %s', async (port) => {
    expect((await opened(['--host', 'local', '--port', port])).code).toBe(2)
  })
})
