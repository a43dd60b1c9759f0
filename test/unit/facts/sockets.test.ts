import { createServer } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { describePorts, joinPorts, readSockets } from '../../../agent/facts/ports.ts'
import { findHolders, parseAddress, parseSockets } from '../../../agent/facts/sockets.ts'

const TCP = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:0BB9 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 41145 1 0000000012e97c2c 100 0 0 10 0
   1: 0700000A:0016 0909090A:D2F0 01 00000000:00000000 02:0008C0B8 00000000     0        0 52001 2 0000000012e97c2d 20 4 30 10 -1
   2: 020200C0:90C4 507100CB:0050 06 00000000:00000000 03:00000912 00000000     0        0 0 3 0000000086eff002
`
const TCP6 = `  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000000000000000000000000000:0CEA 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 41200 1 0000000000000000 100 0 0 10 0
   1: 0000000000000000FFFF00000100007F:1F90 0000000000000000FFFF00000A09090A:C001 01 00000000:00000000 00:00000000 00000000     0        0 41201 1 0000000000000000 100 0 0 10 0
`

describe('parseSockets', () => {
  it('reads what listens and what is connected, and leaves the rest', () => {
    expect(parseSockets(TCP)).toEqual([
      { address: '127.0.0.1', port: 3001, remoteAddress: '0.0.0.0', state: 'listening', inode: '41145' },
      { address: '10.0.0.7', port: 22, remoteAddress: '10.9.9.9', state: 'established', inode: '52001' },
    ])
  })

  it('reads IPv6, and IPv4 inside it as IPv4', () => {
    expect(parseSockets(TCP6)).toMatchObject([
      { address: '::', port: 3306, state: 'listening' },
      { address: '127.0.0.1', port: 8080, remoteAddress: '10.9.9.10' },
    ])
  })

  it('shortens IPv6 addresses as everybody does', () => {
    expect(parseAddress('00000000000000000000000001000000')).toBe('::1')
    expect(parseAddress('000080FE00000000FF00FE02AA00FC02')).toMatch(/^fe80::/)
  })
})

describe('joinPorts', () => {
  const listening = parseSockets(TCP).filter((socket) => socket.state === 'listening')
  const published = [{ address: '127.0.0.1', port: 3001, container: 'mojabox-central-ledger-1', project: 'mojabox' }]

  it('names the container when docker-proxy listens for it', () => {
    const holders = new Map([['41145', { pid: 9, process: 'docker-proxy' }]])
    expect(joinPorts(listening, holders, published)).toEqual([
      {
        address: '127.0.0.1',
        port: 3001,
        process: 'docker-proxy',
        pid: 9,
        container: 'mojabox-central-ledger-1',
        project: 'mojabox',
      },
    ])
  })

  it('does not name a container when another program listens', () => {
    const holders = new Map([['41145', { pid: 9, process: 'nginx' }]])
    expect(joinPorts(listening, holders, published)[0]).toMatchObject({ process: 'nginx', container: null })
  })

  it('lists what Docker publishes without a process of its own', () => {
    expect(joinPorts([], new Map(), published)).toMatchObject([{ port: 3001, process: null, project: 'mojabox' }])
  })
})

describe('the ports of this machine', () => {
  const server = createServer()
  let port = 0
  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    port = typeof address === 'object' && address ? address.port : 0
  })
  afterAll(() => server.close())

  it('finds who holds one', async () => {
    const sockets = (await readSockets()) ?? []
    const own = sockets.find((socket) => socket.port === port && socket.state === 'listening')
    expect(own).toBeDefined()
    expect(findHolders(new Set([own?.inode ?? ''])).get(own?.inode ?? '')?.pid).toBe(process.pid)
    const ports = describePorts(sockets, [], new Set([port]))
    expect(ports).toMatchObject([{ address: '127.0.0.1', port, pid: process.pid, container: null }])
    // Node calls its thread MainThread: that is no name to show.
    expect(ports[0]?.process).toMatch(/node/)
  })
})
