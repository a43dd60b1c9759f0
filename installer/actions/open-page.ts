import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { access } from 'node:fs/promises'
import { get } from 'node:http'
import { hostname } from 'node:os'
import type { EventBody } from '../../agent/contract/events.ts'
import { pagePortOf } from '../../agent/contract/page.ts'
import { NODE_PATHS } from '../../agent/contract/paths.ts'
import { installedPagePort, pageNotServed } from '../../agent/service/page-relay.ts'
import { MojaboxError } from '../../bundles/format/error.ts'
import { nearestNames } from '../../bundles/format/nearest.ts'
import type { Io } from '../cli/io.ts'
import { DEFAULT_SITE_FILE, type SiteOptions } from '../cli/site-options.ts'
import { PageLink } from '../delivery/page-link.ts'
import { serveAtDesk } from '../delivery/serve-at-desk.ts'
import { createReader } from '../render/create-reader.ts'
import { type Host, LOCAL, type Site } from '../site/site.ts'
import { reachAsUserOf, resolveSite } from './resolve-site.ts'

export interface OpenOptions extends SiteOptions {
  port?: number
  browser: boolean
}

/**
 * Shows a host's page: its address is told, and a browser tried. For a host over SSH the page is served at the desk
 * until the signal of `io`; no rights are needed there but to log in.
 * @throws MojaboxError kind usage, kind host, `not-installed`, `page-not-served`
 */
export async function openPage(name: string | undefined, options: OpenOptions, io: Io): Promise<void> {
  if (await isThisNode(name, options)) return openHere(hostname(), options, io)
  const resolved = await resolveSite(options, io)
  const host = chosenHost(resolved.site, name)
  if (host.address === LOCAL) return openHere(host.name, options, io)
  const tell = teller(host.name, options, io)
  const reach = await reachAsUserOf(resolved, options, io)
  const link = new PageLink(async () => {
    const connection = await reach(host, io.signal)
    tell({ type: 'connected', address: connection.address })
    return connection
  })
  try {
    // Before an address is told that would lead nowhere.
    await firstAnswer(link)
    const page = await serveAtDesk(link, options.port, pagePortOf(resolved.site.settings.ports))
    try {
      tell({ type: 'page', url: page.url, lasts: true })
      if (options.browser) tryBrowser(page.url, io)
      await untilAborted(io.signal)
    } finally {
      await page.close()
    }
  } finally {
    await link.close()
  }
}

/** On the node itself, without options: its own page. */
async function isThisNode(name: string | undefined, options: OpenOptions): Promise<boolean> {
  if (name !== undefined || options.file || options.host || (await exists(DEFAULT_SITE_FILE))) return false
  return exists(NODE_PATHS.node)
}

async function openHere(name: string, options: OpenOptions, io: Io): Promise<void> {
  const port = await installedPagePort()
  const url = `http://127.0.0.1:${port}/`
  await new Promise<void>((resolve, reject) => {
    const asked = get(`${url}api/status`, { timeout: 10_000 }, (response) => {
      response.resume()
      // Somebody else's server on that port has no such page.
      if (response.statusCode === 200) resolve()
      else reject(pageNotServed(port, `an answer ${response.statusCode}`))
    })
    asked.on('timeout', () => asked.destroy(new Error('no answer in 10 s')))
    asked.on('error', (error) => reject(pageNotServed(port, error.message)))
  })
  teller(name, options, io)({ type: 'page', url, lasts: false })
  if (options.browser) tryBrowser(url, io)
}

/** @throws MojaboxError `host-not-named`, `host-unknown` */
function chosenHost({ hosts }: Site, name: string | undefined): Host {
  const names = hosts.map((host) => host.name)
  const [first] = hosts
  if (name === undefined && first && hosts.length === 1) return first
  const named = hosts.find((host) => host.name === name)
  if (named) return named
  const [nearest = names[0]] = name === undefined ? [] : nearestNames(name, names)
  throw new MojaboxError({
    code: name === undefined ? 'host-not-named' : 'host-unknown',
    kind: 'usage',
    message: name === undefined ? 'one page at a time, and the site has several hosts' : `the site has no host ${name}`,
    found: name ?? `${hosts.length} hosts`,
    needed: `one of ${names.join(', ')}`,
    next: `mojabox open ${nearest}`,
  })
}

function firstAnswer(link: PageLink): Promise<void> {
  return new Promise((resolve, reject) => {
    const asked = link.ask('GET', '/api/status', { host: '127.0.0.1' })
    asked.once('response', (answer) => {
      answer.resume()
      answer.once('end', resolve).once('error', reject)
    })
    asked.once('error', reject)
    asked.end()
  })
}

function teller(host: string, { json }: OpenOptions, io: Io): (event: EventBody) => void {
  const reader = createReader(io, { json: json === true, hosts: 1, verb: 'open' })
  const run = randomUUID()
  return (event) => reader.take({ ...event, at: new Date().toISOString(), host, run })
}

/** A desk without a display has no browser to open; one without `xdg-open` has the address. */
function tryBrowser(url: string, { env }: Io): void {
  if (!env.DISPLAY && !env.WAYLAND_DISPLAY) return
  const child = spawn('xdg-open', [url], { stdio: 'ignore', detached: true })
  child.on('error', () => {})
  child.unref()
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}
