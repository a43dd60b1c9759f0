import { access, link, readFile, stat } from 'node:fs/promises'
import { basename, dirname, isAbsolute, relative } from 'node:path'
import writeFileAtomic from 'write-file-atomic'
import { Document, parseDocument } from 'yaml'
import { factsOf, MojaboxError } from '../../bundles/format/error.ts'
import { siteOfText } from '../site/load-site.ts'
import { type Host, LOCAL, type Site } from '../site/site.ts'
import { type Draft, hostsOf, hostText } from './draft.ts'
import type { ExistingSite } from './step.ts'

/** A site file as it was found. */
export interface FoundSite {
  text: string
  modifiedMs: number
  /** Undefined when it cannot be read as a site. */
  site: Site | undefined
  about: ExistingSite
}

/** The site file that is there; undefined when there is none. @throws MojaboxError `site-unreadable` */
export async function findSite(path: string): Promise<FoundSite | undefined> {
  let text: string
  let modifiedMs: number
  try {
    text = await readFile(path, 'utf8')
    modifiedMs = (await stat(path)).mtimeMs
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw unusable('reading', path, cause)
  }
  const name = basename(path)
  try {
    const { site } = siteOfText(text, path)
    return { text, modifiedMs, site, about: { name, summary: summaryOf(site), problem: undefined } }
  } catch (error) {
    return { text, modifiedMs, site: undefined, about: { name, summary: undefined, problem: factsOf(error) } }
  }
}

function summaryOf({ site, profile, hosts }: Site): string {
  const named = hosts.slice(0, 3).map(hostText)
  const more = hosts.length > 3 ? ` and ${hosts.length - 3} more` : ''
  return `site ${site}, profile ${profile}, on ${named.join(', ')}${more}`
}

/** The answers that a site file gives. */
export function draftOf({ hosts, settings, profile, bundle, base, trust, allowUnsigned }: Site): Draft {
  const here = hosts.length === 1 && hosts[0]?.address === LOCAL
  const where = here ? 'here' : 'hosts'
  return { where, hosts: here ? [] : hosts, profile, bundle, base, trust, allowUnsigned, ports: settings.ports }
}

/**
 * The site file that the answers make; of an earlier one everything stays that was not asked for, comments too.
 * @throws MojaboxError `site-invalid`
 */
export function siteText(draft: Draft, found: FoundSite | undefined, path: string): string {
  const earlier = found?.site
  const document = earlier ? parseDocument(found.text) : new Document(EMPTY)
  if (!earlier) document.commentBefore = ABOUT
  let changed = !earlier
  const set = (key: string[], value: unknown, before: unknown) => {
    if (JSON.stringify(value) === JSON.stringify(before)) return
    changed = true
    if (value === undefined) document.deleteIn(key)
    else document.setIn(key, document.createNode(value))
  }
  set(['profile'], draft.profile, earlier?.profile)
  if (draft.bundle !== earlier?.bundle) set(['bundle'], near(draft.bundle ?? '', dirname(path)), undefined)
  if (draft.base !== earlier?.base) set(['base'], draft.base && near(draft.base, dirname(path)), earlier?.base)
  if (JSON.stringify(draft.trust) !== JSON.stringify(earlier?.trust ?? [])) {
    const named = draft.trust.map((key) => near(key, dirname(path)))
    set(['trust'], named, undefined)
  }
  set(['allowUnsigned'], draft.allowUnsigned, earlier?.allowUnsigned ?? false)
  set(['hosts'], hostsOf(draft).map(written), earlier?.hosts.map(written))
  set(['settings', 'ports'], draft.ports, earlier?.settings.ports ?? {})
  // What nothing was changed in keeps the looks that its writer gave it.
  const text = changed ? document.toString({ lineWidth: 0 }) : (found?.text ?? '')
  siteOfText(text, path)
  return text
}

const EMPTY = { version: 1, site: 'site', deployment: 'core-test-harness' }
const ABOUT = ' Written by `mojabox`. `mojabox install` does what it says; the README says what else it may hold.'

/** Without what is a matter of course. */
function written({ port, ...host }: Host): Record<string, unknown> {
  const usual = host.address === LOCAL || port === 22
  return JSON.parse(JSON.stringify(usual ? host : { ...host, port }))
}

/** From the site's folder when it lies in there: the folder may move as a whole. */
function near(path: string, folder: string): string {
  const inside = relative(folder, path)
  return inside.startsWith('..') || isAbsolute(inside) ? path : inside
}

/**
 * Writes the site file; an earlier one that says something else is kept under another name, which is returned.
 * @throws MojaboxError `site-unwritable`
 */
export async function writeSite(path: string, text: string): Promise<string | undefined> {
  try {
    const before = await readFile(path, 'utf8').catch(() => undefined)
    if (before === text) return undefined
    const kept = before === undefined ? undefined : await freeName(path)
    if (kept !== undefined) await link(path, kept)
    await writeFileAtomic(path, text)
    return kept && basename(kept)
  } catch (cause) {
    throw unusable('writing', path, cause)
  }
}

async function freeName(path: string): Promise<string> {
  for (let count = 1; ; count += 1) {
    const name = `${path}.bak${count === 1 ? '' : `-${count}`}`
    const taken = await access(name).then(
      () => true,
      () => false,
    )
    if (!taken) return name
  }
}

function unusable(doing: string, path: string, cause: unknown): MojaboxError {
  return new MojaboxError(
    {
      code: doing === 'reading' ? 'site-unreadable' : 'site-unwritable',
      kind: 'usage',
      message: `${doing} ${path}`,
      found: cause instanceof Error ? cause.message : String(cause),
      needed: 'a folder and a file of your own',
      next: 'go to another folder, then: mojabox',
    },
    { cause },
  )
}
