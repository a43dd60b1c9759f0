/** The page in a real browser, with hubs as they may be: what a person sees, hears and can reach. */
import axe from 'axe-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type Page, servePage } from '../../../agent/page/serve-page.ts'
import { Browser, type Look, seen, shown } from '../../lab/browser.ts'
import { emptyScene, FixturePage, failingScene, type Scene, transferScene, wellScene } from './fixture-page.ts'

describe('the page in a browser', () => {
  let browser: Browser
  let served: Page
  const fixture = new FixturePage(wellScene())
  beforeAll(async () => {
    browser = await Browser.open()
    served = await servePage(fixture, 0)
  })
  afterAll(async () => {
    await browser?.close()
    await served?.close()
  })
  beforeEach(() => {
    fixture.broken = false
  })
  afterEach(() => browser.closeTabs())

  async function open(scene: Scene, look: Look = {}) {
    fixture.scene = scene
    const tab = await browser.tab(`http://${served.address}/`, look)
    await shown(tab.page)
    return { ...tab, text: (selector: string) => seen(tab.page.locator(selector)) }
  }

  test('says first how the hub is, and that money moved', async () => {
    const { page, text, problems } = await open(wellScene())
    expect(await text('h1')).toBe('lusaka hub1')
    expect(await text('#verdict')).toMatch(
      /The hub is up\.\s+Last validated 2 min ago: money moved\. Next validation in 3 min\./,
    )
    expect(await page.title()).toBe('lusaka hub1 · mojabox')
    expect(problems).toEqual([])
  })

  test('shows services, host, versions and events', async () => {
    const { page, text } = await open(wellScene())
    const row = page.getByRole('row', { name: /^kafka / })
    expect(await seen(row)).toMatch(/apache\/kafka:4\.1\.2\s+healthy\s+Up 3 days\s+612 MB\s+12 %/)
    expect(await text('#host')).toMatch(/Memory\s+3\.3 GB of 8\.2 GB in use[\s\S]*Load\s+0\.42 on 2 cores/)
    expect(await text('#versions')).toMatch(/mojabox\s+0\.1\.0[\s\S]*Bundle\s+17\.1\.0-1[\s\S]*redis:8\.0/)
    expect(await text('#events')).toMatch(/kafka is well again[\s\S]*Validation failed at “kafka is healthy”/)
  })

  test('tells the day in words as well as in colours', async () => {
    const { page, text } = await open(wellScene())
    expect(await page.locator('.strip .cell').count()).toBe(144)
    expect(await page.locator('.strip').getAttribute('aria-hidden')).toBe('true')
    expect(await text('#day')).toMatch(/Up for 99 % of the 22 h that were watched, degraded for 15 min\./)
    expect(await text('.outages')).toMatch(/15 min: degraded \(kafka\)/)
  })

  test('draws who called whom, in order and with times: a list first, laid out as a drawing where there is room', async () => {
    const { page } = await open(transferScene())
    const list = page.getByRole('list', { name: 'Movements of level transfer, in order' })
    const steps = await list.getByRole('listitem').allTextContents()
    expect(steps).toHaveLength(12)
    expect(steps[0]).toMatch(
      /^\+0\.00 s\s*payerfsp → {2}to account-lookup-service: GET \/parties\/MSISDN\/27713803912\s*Outcome: 202 · took 31 ms$/,
    )
    const sequence = page.locator('.sequence.drawn').first()
    const boxes = await sequence.locator('.parties span').evaluateAll((heads) =>
      heads.map((head) => {
        const { left, right } = (
          head as { getBoundingClientRect(): { left: number; right: number } }
        ).getBoundingClientRect()
        return (left + right) / 2
      }),
    )
    expect(boxes).toHaveLength(6)
    // Its first arrow goes from lifeline to lifeline: payerfsp to account-lookup-service.
    const arrow = await sequence.locator('.arrow').first().boundingBox()
    expect(Math.abs((arrow?.x ?? 0) - (boxes[0] ?? 0))).toBeLessThan(2)
    expect(Math.abs((arrow?.x ?? 0) + (arrow?.width ?? 0) - (boxes[1] ?? 0))).toBeLessThan(2)
    await page.setViewportSize({ width: 360, height: 800 })
    await page.waitForSelector('.sequence:not(.drawn)')
    const who = list.locator('.who').first()
    expect(await seen(who)).toMatch(/payerfsp →\s+to\s+account-lookup-service:/)
    expect((await who.boundingBox())?.width).toBeGreaterThan(100)
  })

  test('shows what is wrong, where, and what was needed', async () => {
    const { page, text } = await open(failingScene())
    expect(await text('#verdict')).toMatch(/The hub is degraded\.\s+kafka is unhealthy\./)
    const first = page.locator('.validation').first()
    expect(await first.getAttribute('open')).not.toBeNull()
    await first.getByText('needed: healthy within 5 s').waitFor()
    expect(await page.title()).toContain('The hub is degraded')
  })

  test('has words for a hub of which nothing is there yet', async () => {
    const { text, problems } = await open(emptyScene())
    expect(await text('#verdict')).toMatch(/The hub is down\.\s+None of its containers is there\./)
    expect(await text('#validations')).toBe('None yet.')
    expect(await text('#day')).toContain('The agent has only begun to watch.')
    expect(problems).toEqual([])
  })

  test('follows the hub by itself, and leaves alone what a person has opened and where the keyboard is', async () => {
    const { page, text } = await open(wellScene())
    const second = page.locator('.validation').nth(1)
    await second.locator('> summary').focus()
    await page.keyboard.press('Enter')
    await second.locator('.sequence').waitFor()
    fixture.scene = failingScene()
    fixture.scene.reports.push(...wellScene().reports.filter(({ run }) => run !== 'agent-10'))
    await page.getByRole('heading', { name: 'The hub is degraded.' }).waitFor({ timeout: 15_000 })
    expect(await page.locator('#news').textContent()).toContain('The hub is degraded. kafka is unhealthy.')
    expect(await text('#services')).toContain('unhealthy')
    const focused = page.locator('summary:focus')
    expect(await focused.count()).toBe(1)
    expect(await page.locator('details.validation[data-touched][open]').count()).toBe(1)
  })

  test('says when the agent no longer answers, keeps what it knew, and recovers', async () => {
    const { page } = await open(wellScene())
    fixture.broken = true
    const banner = page.getByRole('alert')
    await banner.waitFor({ timeout: 15_000 })
    expect(await seen(banner)).toMatch(/^The agent has not answered since .* This page goes on asking\.$/)
    expect(await seen(page.locator('#services'))).toContain('kafka')
    fixture.broken = false
    await banner.waitFor({ state: 'hidden', timeout: 15_000 })
  })

  test('does not ask again for a report it has, nor for anything from elsewhere', async () => {
    fixture.asked.length = 0
    const { page, requested } = await open(wellScene())
    await page.waitForSelector('.sequence')
    await page.waitForTimeout(6_000)
    expect(fixture.asked.filter((what) => what === 'report agent-10')).toHaveLength(1)
    expect(fixture.asked.filter((what) => what === 'status').length).toBeLessThanOrEqual(3)
    expect(requested.filter((url) => !url.startsWith(`http://${served.address}/`))).toEqual([])
  })

  test('can be used with the keyboard alone', async () => {
    const { page } = await open(wellScene())
    await page.keyboard.press('Tab')
    expect(await seen(page.locator(':focus'))).toBe('Skip to how the hub is')
    await page.keyboard.press('Enter')
    expect(await page.locator('main:focus').count()).toBe(1)
    const reached: string[] = []
    for (let presses = 0; presses < 8; presses += 1) {
      await page.keyboard.press('Tab')
      reached.push(await page.locator(':focus').evaluate((element) => element.nodeName))
    }
    expect(reached.filter((name) => name === 'SUMMARY').length).toBeGreaterThan(5)
  })

  test('moves nothing where a person asked for that', async () => {
    const { page } = await open(wellScene(), { reducedMotion: true })
    const moving = await page.evaluate(`[...document.querySelectorAll('*')].filter((element) => {
      const { transitionDuration, animationName } = getComputedStyle(element)
      return transitionDuration !== '0s' || animationName !== 'none'
    }).length`)
    expect(moving).toBe(0)
  })

  test('shows text as text, whatever the node says', async () => {
    const scene = wellScene()
    scene.status.site = '<img src=x onerror="document.title=1">'
    const { page, problems } = await open(scene)
    expect(await seen(page.locator('h1'))).toBe('<img src=x onerror="document.title=1"> hub1')
    expect(problems).toEqual([])
  })

  const scenes = { well: wellScene, transfer: transferScene, failing: failingScene, empty: emptyScene }
  const looks: [string, Look][] = [
    ['light', {}],
    ['dark', { dark: true }],
    ['light, 360 px wide', { width: 360, height: 780 }],
    ['dark, 360 px wide', { dark: true, width: 360, height: 780 }],
  ]
  const cases = Object.entries(scenes).flatMap(([name, scene]) =>
    looks.map(([words, look]): [string, string, () => Scene, Look] => [name, words, scene, look]),
  )

  test.each(cases)('is accessible, and fits: %s, %s', async (_name, _words, scene, look) => {
    const { page } = await open(scene(), look)
    if (scene().reports.length > 0) await page.locator('.report h3').first().waitFor()
    await page.evaluate("for (const details of document.querySelectorAll('details.small')) details.open = true")
    expect(
      await page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth'),
    ).toBeLessThanOrEqual(0)
    const clipped = await page.evaluate(`[...document.querySelectorAll('section')].flatMap((section) => {
      const { right } = section.getBoundingClientRect()
      return [...section.querySelectorAll('td, th, li, dd, p, summary')]
        .filter((element) => element.getBoundingClientRect().right > right)
        .map((element) => element.textContent.slice(0, 40))
    })`)
    expect(clipped).toEqual([])
    await page.evaluate(axe.source)
    const found = await page.evaluate(`axe.run(document).then(({ violations }) => violations.map(({ id, nodes }) =>
      id + ': ' + nodes.map(({ target, failureSummary }) => target + ' ' + failureSummary).join('; ')))`)
    expect(found).toEqual([])
  })
})
