import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { NodeStatus } from '../../../agent/contract/status.ts'
import { egressPackets } from '../../lab/egress.ts'
import { nodeExec, rebootNode } from '../../lab/nodes.ts'
import { diffSnapshots, snapshotHost } from '../../lab/snapshot.ts'
import { countReceived, receivedFrom } from '../../lab/traffic.ts'
import { waitFor } from '../../lab/wait.ts'
import { changedBy, expectDone } from '../support/expectations.ts'
import { balancesOn, containersOn, filesOf } from '../support/hub.ts'
import { all, only } from '../support/mojabox-process.ts'
import { watchProcesses } from '../support/process-watch.ts'
import type { OneHost } from './one-host.ts'

/** Chapter one: from nothing to a validated hub that comes back after a reboot. */
export function install(life: OneHost): void {
  let argv = ''

  test('check finds the host fit, and leaves it as it was', async () => {
    const ended = await life.desk.run(['check', ...life.flags])
    expectDone(ended)
    const results = all(ended.events, 'check').map(({ result }) => result)
    expect(results.filter(({ status }) => status === 'fail')).toEqual([])
    expect(results.map(({ id }) => id)).toEqual(expect.arrayContaining(['memory', 'disk', 'ports', 'os', 'docker']))
    expect(await changesSince(life)).toEqual([])
    const { pieces, timer } = await inMemory(life)
    expect(pieces).toBeGreaterThan(1)
    expect(timer).toBe('active')
  })

  test('plan says what an install would do, does none of it, and is not sent mojabox again', async () => {
    const before = await arrivedBytes(life)
    const ended = await life.desk.run(['plan', ...life.flags])
    expectDone(ended)
    expect((await arrivedBytes(life)) - before).toBeLessThan(1024 * 1024)
    const { steps } = only(ended, 'plan')
    expect(steps.filter(({ done }) => done)).toEqual([])
    expect(steps.map(({ kind }) => kind)).toEqual(
      expect.arrayContaining(['packages', 'images', 'compose', 'participant']),
    )
    expect(await changesSince(life)).toEqual([])
  })

  test('install brings up a hub whose money moves, and reports it', async () => {
    const watch = watchProcesses(life.host.name)
    const report = join(life.desk.folder, 'report.xml')
    const ended = await life.desk.run(['install', ...life.flags, '--report', report])
    argv = await watch.stop()
    expectDone(ended)
    expect(changedBy(ended)).toBeGreaterThan(10)
    const { report: told } = only(ended, 'report')
    expect(told.passed).toBe(true)
    expect(told.levels.map(({ level }) => level)).toEqual(['services', 'ledger', 'transfer'])
    const cases = told.levels.flatMap((level) => level.cases)
    expect(cases.filter(({ status }) => status !== 'pass').map(({ status, found }) => `${status}: ${found}`)).toEqual([
      'skip: left out: the profile has no ml-api-adapter',
    ])
    const junit = await readFile(report, 'utf8')
    expect(junit).toMatch(/<testsuites tests="\d+" failures="0" errors="0"/)
    expect(junit).toMatch(/central-ledger\.ledger" name="funds come in/)
    expect(await inMemory(life)).toEqual({ pieces: 0, timer: 'inactive' })
    life.installed = true
  })

  test('the ledger itself tells of the money', async () => {
    expect(await balancesOn(life.host.name)).toEqual(
      expect.arrayContaining(['mojaboxpayer SETTLEMENT USD -10000', 'mojaboxpayee SETTLEMENT USD -10000']),
    )
  })

  test('the same install again changes nothing, and sends next to nothing', async () => {
    const { name, pid } = life.host
    const before = [await containersOn(name), await filesOf(name)]
    await countReceived(pid)
    const ended = await life.desk.run(['install', ...life.flags])
    expectDone(ended)
    expect((await receivedFrom(pid)).hereBytes).toBeLessThan(64 * 1024)
    expect(changedBy(ended)).toBe(0)
    expect(only(ended, 'report').report.passed).toBe(true)
    expect([await containersOn(name), await filesOf(name)]).toEqual(before)
  })

  test('plan finds every step done', async () => {
    const ended = await life.desk.run(['plan', ...life.flags])
    expectDone(ended)
    expect(only(ended, 'plan').steps.filter(({ done }) => !done)).toEqual([])
  })

  test('status tells the same at the desk and on the host, to whoever asks', async () => {
    const { desk, flags, host } = life
    const told = await desk.run(['status', ...flags])
    expectDone(told)
    const status = NodeStatus.parse(only(told, 'status').status)
    expect(status).toMatchObject({ hub: 'up', validation: { passed: true }, agent: { pid: expect.any(Number) } })
    const table = await desk.run(['status', ...flags.filter((flag) => flag !== '--json')])
    expectDone(table)
    expect(table.stdout).toMatch(/hub up[\s\S]*central-ledger-handlers +running +healthy[\s\S]*✓ validated at/)
    const there = await nodeExec(host.name, ['mojabox', 'status', '--json'], { user: 'nosudo' })
    expect(NodeStatus.parse(JSON.parse(there.stdout))).toMatchObject({ hub: 'up', services: status.services })
    expect((await nodeExec(host.name, ['mojabox', 'status'], { user: 'nosudo' })).stdout).toContain('hub up')
  })

  test('the agent is no root, and small', async () => {
    const main = 'ps -o user=,rss= -p $(systemctl show --property MainPID --value mojabox-agent.service)'
    const [user, kilobytes] = (await nodeExec(life.host.name, ['sh', '-c', main])).stdout.trim().split(/ +/)
    expect(user).toBe('mojabox')
    expect(Number(kilobytes)).toBeLessThan(120_000)
  })

  test('no secret is in events, reports, argv, logs or anything but its file', () => findNoSecrets(life, () => argv))

  test('after a reboot the hub is back by itself, and validated', async () => {
    const { desk, host, flags } = life
    await rebootNode(host.name)
    const status = await waitFor(
      'the hub to be up and validated after the boot',
      async () => {
        const ended = await desk.run(['status', ...flags])
        const told = all(ended.events, 'status').map((event) => NodeStatus.parse(event.status))[0]
        const fresh = (told?.validation?.at ?? '') > (told?.bootedAt ?? '')
        return told?.hub === 'up' && fresh ? told : undefined
      },
      { timeoutMs: 180_000, intervalMs: 2_000 },
    )
    expect(status.validation).toMatchObject({ passed: true, failed: [] })
  })

  test('in all this no packet tried to leave the site’s network', async () => {
    expect((await egressPackets(life.host.ip)).packets).toBe(0)
  })
}

/** All that has come in since the host started. */
async function arrivedBytes({ host }: OneHost): Promise<number> {
  return Number((await nodeExec(host.name, ['cat', '/sys/class/net/eth0/statistics/rx_bytes'])).stdout)
}

/** What waits in the host's memory of the executable that it was sent, and what will take that away. */
async function inMemory({ host }: OneHost): Promise<{ pieces: number; timer: string }> {
  const look = async (...argv: string[]) => (await nodeExec(host.name, argv, { allowFailure: true })).stdout.trim()
  const pieces = await look('sh', '-c', 'find /run/mojabox -type f | wc -l')
  return { pieces: Number(pieces), timer: await look('systemctl', 'is-active', 'mojabox-forget.timer') }
}

/** Once the engine has ended, which it does a moment after its last word. */
export async function changesSince({ before, host }: OneHost): Promise<string[]> {
  const isActive = ['systemctl', 'is-active', 'mojabox-engine.service']
  const hasEnded = async () => (await nodeExec(host.name, isActive, { allowFailure: true })).exitCode !== 0
  await waitFor('the engine to end', hasEnded, { timeoutMs: 30_000 })
  return diffSnapshots(before, await snapshotHost(host.name))
}

/** The places where a secret could slip out, read from the host past mojabox. */
const SCRIPT = `
  journalctl --no-pager --output=cat
  docker inspect $(docker ps --all --quiet); for id in $(docker ps --all --quiet); do docker logs $id; done 2>&1
  find /var/lib/mojabox -type f -not -path '*/secrets/*' -not -path '*/bin/*' -not -path '*/store/*' -not -name central-ledger.json -exec cat {} +
  cat /etc/systemd/system/mojabox-agent.service`

async function findNoSecrets({ desk, host }: OneHost, argv: () => string): Promise<void> {
  const read = async (...words: string[]) => (await nodeExec(host.name, words)).stdout
  const secrets = (await read('sh', '-c', 'cd /var/lib/mojabox/secrets && for file in *; do cat $file; echo; done'))
    .split('\n')
    .filter(Boolean)
  expect(secrets.length).toBeGreaterThanOrEqual(2)
  for (const secret of secrets) expect(secret.length).toBeGreaterThanOrEqual(32)
  expect(await read('find', '/var/lib/mojabox/secrets', '-printf', '%m %U\\n', '-type', 'f')).toMatch(
    /^700 0\n(600 0\n)+$/,
  )
  // The one other file that has a secret: central-ledger reads its password there, and nobody else can.
  expect(await read('stat', '-c', '%a', '/var/lib/mojabox/deployments/core-test-harness/central-ledger.json')).toBe(
    '400\n',
  )
  // What an image's own processes have in their environment is told apart in secrets.test.ts.
  const called = argv()
    .split('\n')
    .filter((line) => !line.startsWith('container-environ '))
  const places = { desk: desk.heard.join('\n'), argv: called.join('\n'), host: await read('sh', '-c', SCRIPT) }
  expect(places.argv).toContain('mysqld')
  expect(places.host).toContain('mojabox')
  const leaks = Object.entries(places).flatMap(([place, text]) =>
    secrets.filter((secret) => text.includes(secret)).map(() => place),
  )
  expect(leaks).toEqual([])
}
