/**
 * Every way in which a host can be out of reach, or not be the one it should be: each ends within seconds, with exit
 * code 6 and a message that says what to do; the other hosts are not held up. And the ways in that are not the usual one.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { cutNetwork, restoreNetwork } from '../lab/network.ts'
import { type LabNode, nodeExec } from '../lab/nodes.ts'
import { Desk } from './support/desk.ts'
import { EXIT, expectDone, expectRefused } from './support/expectations.ts'
import { all, type Ended } from './support/mojabox-process.ts'
import { watchProcesses } from './support/process-watch.ts'

const PASSWORD = 'correct horse; "battery" $taple'

describe('reaching hosts', () => {
  let desk: Desk
  let host: LabNode
  let other: LabNode
  beforeAll(async () => {
    desk = await Desk.open()
    ;[host, other] = await Promise.all([desk.host('reached', { sudoPassword: PASSWORD }), desk.host('other')])
  })
  afterAll(() => desk?.close())

  const check = (args: string[], env: Record<string, string> = {}) => desk.run(['check', ...args], { env })
  const without = (flags: string[], ...left: string[]) => flags.filter((flag) => !left.includes(flag))
  const pinned = () => readFile(join(desk.folder, '.mojabox', 'known_hosts'), 'utf8').catch(() => '')

  test('a host key that nobody vouched for is refused, and shown as the host itself shows it', async () => {
    const message = expectRefused(await check(without(desk.flags(host), '--accept-new-host-keys')), EXIT.host)
    expect(message).toContain(await fingerprint(host))
    expect(message).toContain('--accept-new-host-keys')
    expect(await pinned()).toBe('')
  })

  test('an accepted host key is pinned, and known from then on', async () => {
    expectDone(await check(desk.flags(host)))
    expect(await pinned()).toContain(host.ip)
    expectDone(await check(without(desk.flags(host), '--accept-new-host-keys')))
  })

  test('root logs in by key and needs no sudo', async () => {
    expectDone(await check(desk.flags(host, 'root')))
  })

  test('a sudo password comes by reference, and is seen nowhere', async () => {
    const watch = watchProcesses(host.name)
    const ended = await check([...desk.flags(host, 'sudoer'), '--sudo-password', 'env:SITE_SUDO'], {
      SITE_SUDO: PASSWORD,
    })
    const argv = await watch.stop()
    expectDone(ended)
    expect(argv).toContain('sudo')
    expect(argv + ended.stdout + ended.stderr).not.toContain(PASSWORD)
  })

  test('a login password comes by reference too, where there is no key', async () => {
    const noKey = without(desk.flags(host, 'sudoer'), '--identity', desk.key.privateKeyPath)
    const secrets = ['--password', 'env:SITE_LOGIN', '--sudo-password', 'env:SITE_LOGIN']
    const ended = await check([...noKey, ...secrets], { SITE_LOGIN: PASSWORD })
    expectDone(ended)
    expect(ended.stdout + ended.stderr).not.toContain(PASSWORD)
  })

  test('a wrong sudo password is refused and not quoted', async () => {
    const ended = await check([...desk.flags(host, 'sudoer'), '--sudo-password', 'env:SITE_SUDO'], {
      SITE_SUDO: 'hunter2',
    })
    expect(expectRefused(ended, EXIT.host)).toMatch(/sudo refused the password for sudoer/)
    expect(ended.stdout + ended.stderr).not.toContain('hunter2')
  })

  test('a reference to nothing is told before any host is asked', async () => {
    const ended = await check([...desk.flags(host, 'sudoer'), '--sudo-password', 'env:SITE_SUDO'])
    expect(expectRefused(ended, EXIT.usage)).toContain('env:SITE_SUDO')
  })

  test('a user who may become root only with a password, or not at all, is told so', async () => {
    expect(expectRefused(await check(desk.flags(host, 'sudoer')), EXIT.host)).toContain('--ask-sudo-password')
    expect(expectRefused(await check(desk.flags(host, 'nosudo')), EXIT.host)).toContain('nosudo')
  })

  test('a user that the host does not let in is told so', async () => {
    expect(expectRefused(await check(desk.flags(host, 'stranger')), EXIT.host)).toContain('does not let us in')
  })

  test('a closed port is told at once', async () => {
    const ended = await check(desk.flags({ ...host, ip: `${host.ip}:2222` }))
    expect(expectRefused(ended, EXIT.host)).toContain('refused the connection')
    expect(ended.seconds).toBeLessThan(10)
  })

  test('a host that is silent is given up within half a minute', async () => {
    await cutNetwork(other.name)
    const ended = await check(desk.flags(other)).finally(() => restoreNetwork(other.name))
    // Which of the two depends on whether this machine still remembers the host's hardware address.
    expect(expectRefused(ended, EXIT.host)).toMatch(/did not answer|cannot be reached/)
    expect(ended.seconds).toBeLessThan(30)
  })

  test('a host behind another is reached through it', async () => {
    expectDone(await check([...desk.flags(other), '--jump', `ops@${host.ip}`]))
  })

  test('one dead host of two does not keep the other from being done', async () => {
    const dead = { name: 'dead', ip: '10.77.0.250', pid: 0 }
    const ended = await check(desk.flags([dead, host]))
    const message = expectRefused(ended, EXIT.partial)
    expect(message).toMatch(/1 of 2 hosts failed\n {2}dead: /)
    expect(message).toContain(`done: ${host.name}`)
    expect(outcomes(ended)).toEqual({ dead: 'failed', [host.name]: 'done' })
    expect(ended.seconds).toBeLessThan(45)
  })

  test('when every host is dead the exit code is that of a dead host', async () => {
    const dead = ['10.77.0.250', '10.77.0.251'].map((ip, index) => ({ name: `dead${index}`, ip, pid: 0 }))
    expect(expectRefused(await check(desk.flags(dead)), EXIT.host)).toContain('all 2 hosts failed')
  })

  test('a changed host key stops the run, with both fingerprints and the way to forget the old one', async () => {
    expectDone(await check(desk.flags(host)))
    const pins = await pinned()
    const before = await fingerprint(host)
    await nodeExec(host.name, ['sh', '-euc', RENEW_KEYS])
    const message = expectRefused(await check(desk.flags(host)), EXIT.host)
    expect(message).toContain(before)
    expect(message).toContain(await fingerprint(host))
    expect(message).toContain('ssh-keygen -f')
    expect(await pinned()).toBe(pins)
  })
})

const RENEW_KEYS = `rm /etc/ssh/ssh_host_*_key*; ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key; systemctl restart ssh`

async function fingerprint(host: LabNode): Promise<string> {
  const { stdout } = await nodeExec(host.name, ['ssh-keygen', '-lf', '/etc/ssh/ssh_host_ed25519_key.pub'])
  return /SHA256:\S+/.exec(stdout)?.[0] ?? ''
}

function outcomes({ events }: Ended): Record<string, string> {
  return Object.fromEntries(all(events, 'run-finished').map(({ host, outcome }) => [host, outcome]))
}
