/**
 * The page of a real hub, looked at from a desk through `mojabox open`: by a user without sudo, over an sshd that
 * forbids forwarding, in a real browser.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { Browser, seen, shown } from '../lab/browser.ts'
import { type LabNode, nodeExec } from '../lab/nodes.ts'
import { Desk } from './support/desk.ts'
import { EXIT, expectDone, expectRefused } from './support/expectations.ts'
import { dockerOn } from './support/hub.ts'
import type { MojaboxProcess } from './support/mojabox-process.ts'

describe('the page of a hub', () => {
  let desk: Desk
  let host: LabNode
  let browser: Browser
  let opened: MojaboxProcess
  let url = ''
  beforeAll(async () => {
    desk = await Desk.open()
    host = await desk.host('page')
    browser = await Browser.open()
    await nodeExec(host.name, [
      'sh',
      '-euc',
      `printf 'AllowTcpForwarding no\\nMaxSessions 4\\n' > /etc/ssh/sshd_config.d/00-strict.conf; systemctl reload ssh`,
    ])
  })
  afterAll(async () => {
    await browser?.close()
    await desk?.close()
  })

  const open = () =>
    desk.flags(host, 'nosudo').filter((flag, at, all) => flag !== '--bundle' && all[at - 1] !== '--bundle')

  test('there is none before an install, and that is said with what to do', async () => {
    const ended = await desk.run(['open', ...open(), '--no-browser'])
    expect(expectRefused(ended, EXIT.check)).toContain('mojabox install')
  })

  test('is there after it, for a user who may log in and nothing else', async () => {
    expectDone(await desk.run(['install', ...desk.flags(host)]))
    opened = desk.start(['open', ...open(), '--no-browser'])
    const event = await opened.saw('page')
    url = event.url
    expect(event).toMatchObject({ url: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\/$/), lasts: true })
  })

  describe('in a browser', () => {
    beforeEach(({ skip }) => skip(url === '', 'there is no page'))

    test('shows a hub that is up, and its money as it moved', async () => {
      const { page, problems, requested } = await browser.tab(url)
      await shown(page)
      await page.getByText(/^Last validated .*: money moved\./).waitFor({ timeout: 60_000 })
      expect(await seen(page.locator('#verdict h2'))).toBe('The hub is up.')
      const steps = page.getByRole('list', { name: 'Movements of level ledger, in order' }).first()
      await steps.waitFor()
      const movements = (await steps.getByRole('listitem').allTextContents()).join('\n')
      expect(movements).toMatch(/mojabox.*central-ledger: funds in: 1\.\d+ USD/)
      expect(movements).toMatch(/funds out, committed/)
      expect(await page.getByRole('rowheader').count()).toBe(6)
      // What each container uses can be seen by the agent, which has no rights.
      expect(await seen(page.getByRole('row', { name: /^kafka / }))).toMatch(/\d+ MB/)
      expect(problems).toEqual([])
      expect(requested.filter((asked) => !asked.startsWith(url))).toEqual([])
    })

    test('has metrics that tell the same', async () => {
      const metrics = await (await fetch(`${url}metrics`)).text()
      expect(metrics).toContain('\nmojabox_hub_up 1\n')
      expect(metrics).toMatch(/^mojabox_validation_passed\{level="ledger"\} 1$/m)
      expect(metrics).toMatch(/^mojabox_service_memory_bytes\{service="kafka"\} \d{8,}$/m)
    })

    test('says nothing to who was led there by another name, and hands out nothing but reports', async () => {
      const { get } = await import('node:http')
      const code = (path: string, host: string) =>
        new Promise((resolve) =>
          get(`${url}${path}`, { headers: { host } }, (answer) => resolve(answer.resume().statusCode)),
        )
      expect(await code('api/status', 'evil.example')).toBe(421)
      expect(await code('api/reports/..%2Fnode', '127.0.0.1')).toBe(404)
      expect(await code('api/reports/last', '127.0.0.1')).toBe(404)
    })

    test('sees a service that stopped, and that it came back', async () => {
      const { page } = await browser.tab(url)
      await shown(page)
      await dockerOn(host.name, 'stop', 'mojabox-redis-1')
      await page.getByRole('heading', { name: 'The hub is degraded.' }).waitFor({ timeout: 30_000 })
      await dockerOn(host.name, 'start', 'mojabox-redis-1')
      await page.getByRole('heading', { name: 'The hub is up' }).waitFor({ timeout: 60_000 })
      await page.getByText('redis is well again').waitFor({ timeout: 30_000 })
    })

    test('says that the agent is away, and has not forgotten the day when it is back', async () => {
      const { page } = await browser.tab(url)
      await shown(page)
      await nodeExec(host.name, ['systemctl', 'stop', 'mojabox-agent'])
      await page.getByRole('alert').waitFor({ timeout: 30_000 })
      await nodeExec(host.name, ['systemctl', 'start', 'mojabox-agent'])
      await page.getByRole('alert').waitFor({ state: 'hidden', timeout: 60_000 })
      expect(await seen(page.locator('#events'))).toContain('redis is well again')
    })

    test('costs the node little: the agent stays below 70 MB, and two commands carry it all', async () => {
      await Promise.all(Array.from({ length: 30 }, () => fetch(`${url}api/status`).then((answer) => answer.text())))
      const { stdout } = await nodeExec(host.name, [
        'sh',
        '-c',
        `grep VmRSS /proc/$(systemctl show -p MainPID --value mojabox-agent)/status; pgrep -u nosudo -fc '^/var/lib/mojabox/bin/mojabox node page'`,
      ])
      const [, resident, relays] = /VmRSS:\s+(\d+) kB\n(\d+)/.exec(stdout) ?? []
      expect(Number(resident) * 1024, stdout).toBeLessThan(70e6)
      expect(Number(relays), stdout).toBeGreaterThan(0)
      expect(Number(relays), stdout).toBeLessThanOrEqual(2)
    })
  })

  test('ends with Ctrl-C, and leaves nothing on the node', async ({ skip }) => {
    skip(url === '', 'there is no page')
    opened.signal('SIGINT')
    const { code, stderr } = await opened.ended
    expect({ code, stderr }).toEqual({ code: EXIT.done, stderr: '' })
    await expect(fetch(url)).rejects.toThrow()
    const { stdout } = await nodeExec(host.name, [
      'sh',
      '-c',
      'sleep 2; pgrep -u nosudo -fc "^/var/lib/mojabox/bin/mojabox node page"; true',
    ])
    expect(stdout.trim()).toBe('0')
  })

  test('on the node itself needs no options: its address is told', async ({ skip }) => {
    skip(url === '', 'there is no page')
    const { stdout } = await nodeExec(host.name, ['sh', '-c', 'cd / && mojabox open'], { user: 'nosudo' })
    expect(stdout).toBe('http://127.0.0.1:9470/\n')
  })
})
