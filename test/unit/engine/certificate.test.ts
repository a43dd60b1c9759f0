import { createPrivateKey, createPublicKey, sign, verify, X509Certificate } from 'node:crypto'
import { chmod, readFile, rm, stat, writeFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { connect, createServer, type TLSSocket } from 'node:tls'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { NODE_PATHS } from '../../../agent/contract/paths.ts'
import { certificate } from '../../../agent/engine/steps/certificate.ts'
import { keyPair } from '../../../agent/engine/steps/key-pair.ts'
import { secretPath } from '../../../agent/store/secrets.ts'
import { orderOf } from '../service/orders.ts'
import { contextOf } from './step-context.ts'

vi.mock('../../../agent/contract/paths.ts', async () => (await import('./node-paths.ts')).pathsBelow())

afterEach(() => rm(NODE_PATHS.root, { recursive: true, force: true }))

const context = contextOf()
const authority = { name: 'security-ca', hosts: [] }
const payee = { name: 'security-payee', issuer: 'security-ca', hosts: ['payee.example'] }
const payer = { name: 'security-payer', issuer: 'security-ca', hosts: ['payer.example'] }
const kept = (name: string) => readFile(secretPath(name), 'utf8')

async function made() {
  for (const params of [authority, payee, payer]) await certificate.apply(context, params)
}

describe('certificate', () => {
  it('makes an authority and what it signs, for root alone', async () => {
    expect(await certificate.isDone(context, authority)).toBe(false)
    await made()
    for (const params of [authority, payee, payer]) expect(await certificate.isDone(context, params)).toBe(true)
    const [ca, own] = await Promise.all(['security-ca', 'security-payee'].map((name) => kept(`${name}-certificate`)))
    const [root, leaf] = [new X509Certificate(ca ?? ''), new X509Certificate(own ?? '')]
    expect([root.ca, leaf.ca]).toEqual([true, false])
    expect(leaf.checkIssued(root) && leaf.verify(root.publicKey)).toBe(true)
    expect(leaf.checkHost('payee.example')).toBe('payee.example')
    expect(leaf.checkHost('payer.example')).toBeUndefined()
    expect(leaf.serialNumber).not.toBe(root.serialNumber)
    for (const part of ['key', 'certificate']) {
      expect((await stat(secretPath(`security-payee-${part}`))).mode & 0o777).toBe(0o600)
    }
  })

  it('lets two sides know each other, and nobody else', async () => {
    await made()
    const ca = await kept('security-ca-certificate')
    const of = async (name: string) => ({ ca, cert: await kept(`${name}-certificate`), key: await kept(`${name}-key`) })
    const server = createServer({ ...(await of('security-payee')), requestCert: true }, (socket) => socket.end('hello'))
    server.on('tlsClientError', () => {})
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    const heard = async (client: object, servername = 'payee.example') =>
      await new Promise<string>((resolve) => {
        const socket: TLSSocket = connect({ host: '127.0.0.1', port, servername, ...client })
        socket.on('data', (data) => resolve(String(data)))
        socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
        socket.on('close', () => resolve('closed'))
      })
    expect(await heard(await of('security-payer'))).toBe('hello')
    expect(await heard(await of('security-payer'), 'another.example')).toBe('ERR_TLS_CERT_ALTNAME_INVALID')
    expect(await heard({ ca })).not.toBe('hello')
    await certificate.apply(context, { name: 'stranger', hosts: [] })
    expect(await heard({ ...(await of('stranger')), ca })).not.toBe('hello')
    server.close()
  })

  it('is made anew when its authority is another, when a host is added, when it was open to others, when it is damaged', async () => {
    await made()
    expect(await certificate.isDone(context, { ...payee, hosts: ['payee.example', 'more.example'] })).toBe(false)
    await chmod(secretPath('security-payer-key'), 0o644)
    expect(await certificate.isDone(context, payer)).toBe(false)
    await writeFile(secretPath('security-payee-certificate'), 'nothing')
    expect(await certificate.isDone(context, payee)).toBe(false)
    await certificate.apply(context, payee)
    expect(await certificate.isDone(context, payee)).toBe(true)
    await certificate.apply(context, authority)
    expect(await certificate.isDone(context, payee)).toBe(false)
  })

  it('is made anew before it ends', async () => {
    await made()
    vi.useFakeTimers({ now: Date.now() + 3640 * 86_400_000, toFake: ['Date'] })
    expect(await certificate.isDone(context, payee)).toBe(false)
    // Its year has four digits then.
    vi.setSystemTime(new Date('2050-06-01T00:00:00Z'))
    await made()
    expect(await certificate.isDone(context, payee)).toBe(true)
    vi.useRealTimers()
  })

  it('does not sign without its authority', async () => {
    await expect(certificate.apply(context, payee)).rejects.toThrow('no authority security-ca')
  })

  it('stays with the data when the rest is taken away', async () => {
    await made()
    await certificate.undo?.(context, payee, null)
    expect(await certificate.isDone(context, payee)).toBe(true)
    await certificate.undo?.(contextOf({ order: orderOf({ deleteData: true }) }), payee, null)
    expect(await certificate.isDone(context, payee)).toBe(false)
  })
})

describe('key-pair', () => {
  const params = { name: 'jws' }

  it('makes a key that signs, and its public half that checks', async () => {
    expect(await keyPair.isDone(context, params)).toBe(false)
    await keyPair.apply(context, params)
    expect(await keyPair.isDone(context, params)).toBe(true)
    const [key, publicKey] = [createPrivateKey(await kept('jws-key')), createPublicKey(await kept('jws-public'))]
    const signature = sign('sha256', Buffer.from('x'), key)
    expect(verify('sha256', Buffer.from('x'), publicKey, signature)).toBe(true)
    expect(key.asymmetricKeyDetails?.modulusLength).toBe(2048)
  })

  it('keeps the key that is there, and mends its public half', async () => {
    await keyPair.apply(context, params)
    const key = await kept('jws-key')
    await rm(secretPath('jws-public'))
    expect(await keyPair.isDone(context, params)).toBe(false)
    await keyPair.apply(context, params)
    expect(await kept('jws-key')).toBe(key)
    expect(await keyPair.isDone(context, params)).toBe(true)
  })

  it('goes with the data', async () => {
    await keyPair.apply(context, params)
    await keyPair.undo?.(contextOf({ order: orderOf({ deleteData: true }) }), params, null)
    expect(await keyPair.isDone(context, params)).toBe(false)
  })
})
