/**
 * Three hosts, one desk: what all of them want leaves the desk once, and they pass it on to each other, to nobody else.
 * A host that dies in the middle, that a firewall keeps from the others, or whose line to them is thin, is gone round.
 */
import { generateKeyPairSync } from 'node:crypto'
import { request } from 'node:https'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { makeCertificate } from '../../agent/store/make-certificate.ts'
import { type LabNode, nodeExec } from '../lab/nodes.ts'
import { countReceived, dropNodes, receivedFrom, thinToNodes } from '../lab/traffic.ts'
import { Desk } from './support/desk.ts'
import { EXIT, expectDone } from './support/expectations.ts'
import { all, type Ended, type MojaboxProcess } from './support/mojabox-process.ts'

const ENGINE = 'mojabox-engine.service'
/** Of what one host takes: what the desk may send to all. */
const SHARE = 1.15

interface Site {
  desk: Desk
  hosts: [LabNode, LabNode, LabNode]
}

/** A desk and three bare hosts, there when the tests of a `describe` begin, and gone after them. */
function siteOfThree(): Site {
  const site = {} as Site
  beforeAll(async () => {
    site.desk = await Desk.open()
    const [one, two, three] = await Promise.all(['one', 'two', 'three'].map((name) => site.desk.host(name)))
    if (!one || !two || !three) throw new Error('three hosts')
    site.hosts = [one, two, three]
  })
  afterAll(() => site.desk?.close())
  return site
}

/** Images are on their way to a host. */
const travelling = (install: MojaboxProcess, { name }: LabNode) =>
  install.saw('step-progress', ({ host, id, done }) => host === name && id === 'images' && done > 1_000_000)

/** Ports that a host has open to its network, sshd's apart. */
async function openPorts({ name }: LabNode): Promise<number[]> {
  const { stdout } = await nodeExec(name, ['ss', '-H', '-l', '-t', '-n'])
  const places = stdout.split('\n').map((row) => row.trim().split(/\s+/)[3] ?? '')
  const open = places.filter((place) => place !== '' && !/^127\.|^\[::1\]|:22$/.test(place))
  return open.map((place) => Number(place.split(':').at(-1)))
}

async function expectAllPassed(ended: Ended): Promise<void> {
  expectDone(ended)
  expect(all(ended.events, 'report').map(({ report }) => report.passed)).toEqual([true, true, true])
}

async function expectNothingLeft(hosts: LabNode[]): Promise<void> {
  for (const host of hosts) {
    expect(await openPorts(host)).toEqual([])
    const left = await nodeExec(host.name, ['ls', '/var/lib/mojabox/store/ingest'], { allowFailure: true })
    expect(left.stdout).toBe('')
  }
}

async function expectSentOnce(hosts: LabNode[]): Promise<void> {
  const received = await Promise.all(hosts.map(({ pid }) => receivedFrom(pid)))
  const sentBytes = received.reduce((sum, { hereBytes }) => sum + hereBytes, 0)
  const takenBytes = Math.min(...received.map(({ hereBytes, nodesBytes }) => hereBytes + nodesBytes))
  expect(sentBytes / takenBytes).toBeLessThan(SHARE)
}

describe('three hosts that reach each other', () => {
  const site = siteOfThree()
  let running: MojaboxProcess

  beforeAll(async () => {
    for (const { pid } of site.hosts) await countReceived(pid)
  })

  test('hand on nothing to who is none of them', async () => {
    const { desk, hosts } = site
    running = desk.start(['install', ...desk.flags(hosts)])
    await Promise.all(hosts.map((host) => travelling(running, host)))
    for (const host of hosts) {
      const ports = await openPorts(host)
      expect(ports.length).toBeGreaterThan(0)
      for (const port of ports) expect(await knock(host, port)).toBe('nothing')
    }
  })

  test('take from the desk, all together, little more than one of them would', async () => {
    await expectAllPassed(await running.ended)
    await expectSentOnce(site.hosts)
    expect(all(running.events, 'seeded').some(({ fromPeersBytes }) => fromPeersBytes > 100e6)).toBe(true)
  })

  test('close their ports, and keep nothing for others, when it is over', async () => {
    const { hosts } = site
    await expectNothingLeft(hosts)
  })

  test('say no secret of what lets them in at each other', async () => {
    const { stdout, stderr } = await running.ended
    expect(stdout + stderr).not.toMatch(/ticket|secret"|PRIVATE KEY/)
  })
})

describe('three hosts, one after the other', () => {
  const site = siteOfThree()

  test('take from the desk no more than when they are at work at once', async () => {
    const { desk, hosts } = site
    for (const { pid } of hosts) await countReceived(pid)
    await expectAllPassed(await desk.run(['install', '--parallel', '1', ...desk.flags(hosts)]))
    await expectSentOnce(hosts)
    await expectNothingLeft(hosts)
  })
})

describe('three hosts that do not reach each other well', () => {
  const site = siteOfThree()

  test('open no port with --no-seeding', async () => {
    const { desk, hosts } = site
    const install = desk.start(['install', '--no-seeding', ...desk.flags(hosts)])
    await install.saw('step-progress', ({ id, done }) => id === 'store' && done > 1_000_000)
    for (const host of hosts) expect(await openPorts(host)).toEqual([])
    install.signal('SIGINT')
    expect((await install.ended).code).toBe(EXIT.interrupted)
  })

  test('go round one that dies in the middle and one behind a firewall', async () => {
    const { desk, hosts } = site
    const [one, two, three] = hosts
    await dropNodes(three.pid)
    const install = desk.start(['install', ...desk.flags(hosts)])
    await Promise.all([travelling(install, one), travelling(install, two)])
    await nodeExec(one.name, ['systemctl', 'kill', '--signal=KILL', ENGINE])
    const ended = await install.ended
    await expectAllPassed(ended)
    // Whoever asked second for something: this one, or one of the others for what this one was getting.
    const notes = all(ended.events, 'note').map(({ message }) => message)
    expect(notes).toContainEqual(expect.stringMatching(/cannot be reached from here.*--no-seeding/))
    await expectNothingLeft(hosts)
  })
})

describe('three hosts of which one has a thin line to the others', () => {
  const site = siteOfThree()

  test('go round it: it holds nobody up, and the two others pass on to each other', async () => {
    const { desk, hosts } = site
    const [one, two, three] = hosts
    // Over that line the images would take an hour and a half.
    await thinToNodes(one.pid, '64kb/s')
    for (const { pid } of [two, three]) await countReceived(pid)
    const install = desk.start(['install', ...desk.flags(hosts)])
    await expectAllPassed(await install.ended)
    const received = await Promise.all([two, three].map(({ pid }) => receivedFrom(pid)))
    // More than could have come over the thin line meanwhile.
    expect(received.reduce((sum, { nodesBytes }) => sum + nodesBytes, 0)).toBeGreaterThan(15e6)
    await expectNothingLeft(hosts)
  })
})

/** What somebody gets who comes with a certificate of his own making. */
async function knock(host: LabNode, port: number): Promise<string> {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
  const cert = makeCertificate({
    subject: 'mojabox-seeding',
    hosts: ['mojabox-seeding'],
    publicKey,
    issuer: { subject: 'mojabox-seeding', key: privateKey },
    authority: false,
    notBefore: new Date(Date.now() - 86_400_000),
    notAfter: new Date(Date.now() + 86_400_000),
  })
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' })
  const blobs = await nodeExec(host.name, ['ls', '/var/lib/mojabox/store/blobs/sha256'])
  const path = `/blobs/sha256:${blobs.stdout.split('\n')[0]}`
  return new Promise((resolve) => {
    request({ host: host.ip, port, path, key, cert, rejectUnauthorized: false, agent: false, timeout: 5_000 })
      .on('response', ({ statusCode }) => resolve(String(statusCode)))
      .on('error', () => resolve('nothing'))
      .end()
  })
}
