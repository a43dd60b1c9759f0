import { access, constants } from 'node:fs/promises'
import { userInfo } from 'node:os'
import { basename, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { factsOf, MojaboxError } from '../../bundles/format/error.ts'
import { VERSION } from '../../bundles/format/version.ts'
import type { Io } from '../cli/io.ts'
import { DEFAULT_SITE_FILE } from '../cli/site-options.ts'
import { lookOf } from '../render/look.ts'
import { endText, problemText, wrapped } from '../render/wizard-text.ts'
import { forgetAnswers, recallAnswers, rememberAnswers } from './answers.ts'
import { createPrompter } from './create-prompter.ts'
import { Deeds } from './deeds.ts'
import { Draft, hostsOf, hostText } from './draft.ts'
import type { BundleSearch } from './find-bundles.ts'
import { runFlow } from './flow.ts'
import { draftOf, findSite } from './site-file.ts'

/** The smallest terminal on which every question can be seen whole. */
export const LEAST = { columns: 60, rows: 16 }

/** On a line of its own: to be copied. */
const INSTALL = `  mojabox install -f ${DEFAULT_SITE_FILE}`
const SEARCH_AFTER_MS = 100

/**
 * `mojabox` without a word, on a terminal: asks what is needed, writes the site file and installs.
 * @param commands what else can be typed, for the words at the end
 * @throws MojaboxError kind interrupted (the answers are kept), usage, and those of an install
 */
export async function runWizard(io: Io, commands: readonly string[]): Promise<void> {
  requireRoom(io)
  const folder = process.cwd()
  await requireFolder(folder)
  const sitePath = join(folder, DEFAULT_SITE_FILE)
  const [prompter, found, earlier] = await Promise.all([createPrompter(io), findSite(sitePath), recallAnswers(folder)])
  const user = io.env.USER || userInfo().username
  const deeds = new Deeds({ io, prompter, folder, sitePath, found, user, search: searchSoon(folder) })
  const say = (lines: readonly string[]) => {
    for (const line of lines) io.stderr(`${wrapped(line, io.columns, 2)}\n`)
  }
  const look = lookOf(io)
  io.stderr(`${look.paint('bold', `mojabox ${VERSION}: a Mojaloop hub, step by step`)}\n`)
  say(['Nothing is changed before you agree. Ctrl-C stops at any time; your answers are kept.'])
  // What was written into the file since is newer than what was answered before.
  const resumed = earlier && !(found?.site && found.modifiedMs > Date.parse(earlier.at)) ? earlier : undefined
  if (resumed) say([`Your answers of ${resumed.at.slice(0, 16).replace('T', ' ')} (UTC) are offered again.`])
  const given = resumed?.draft ?? (found?.site ? draftOf(found.site) : Draft.parse({}))
  try {
    const { draft, last } = await runFlow(found ? 'existing' : 'where', given, {
      prompter,
      world: () => deeds.world(),
      carryOut: (deed, draft) => deeds.carryOut(deed, draft),
      remember: (draft) => rememberAnswers(folder, draft, new Date()),
      say,
      complain: (problem) => io.stderr(problemText(problem, look, io.columns)),
      requireRoom: () => requireRoom(io),
    })
    if (deeds.kept) say([keptWords(deeds.kept)])
    if (last?.kind === 'install') {
      await forgetAnswers(folder)
      const hosts = hostsOf(draft).map(hostText)
      io.stderr(endText({ hosts, siteFile: DEFAULT_SITE_FILE, commands }, look, io.columns))
    } else if (last?.kind === 'write') {
      say([`${DEFAULT_SITE_FILE} is written, nothing is installed. Type next:`, INSTALL])
    } else say(['Stopped; nothing is changed. `mojabox` goes on with your answers.'])
  } catch (error) {
    if (!deeds.written) throw (await recallAnswers(folder)) ? withAnswersKept(error, folder) : error
    if (deeds.kept) say([keptWords(deeds.kept)])
    say([`${DEFAULT_SITE_FILE} is written. To go on from here:`, INSTALL])
    throw error
  }
}

/** While the first question is read, not before it is there. */
async function searchSoon(folder: string): Promise<BundleSearch> {
  await delay(SEARCH_AFTER_MS)
  const { findBundles, usualPlaces } = await import('./find-bundles.ts')
  return findBundles(await usualPlaces(folder))
}

/** @throws MojaboxError `terminal-too-small` */
function requireRoom({ columns, rows }: Io): void {
  if (columns >= LEAST.columns && rows >= LEAST.rows) return
  throw new MojaboxError({
    code: 'terminal-too-small',
    kind: 'usage',
    message: 'the terminal is too small for questions',
    found: `${columns} columns by ${rows} rows`,
    needed: `${LEAST.columns} columns by ${LEAST.rows} rows`,
    next: 'make it larger and run `mojabox` again, or do without questions: mojabox install --help',
  })
}

/** Answers, host keys and the site file are kept there. @throws MojaboxError `folder-unwritable` */
async function requireFolder(folder: string): Promise<void> {
  await access(folder, constants.W_OK).catch((cause) => {
    throw new MojaboxError(
      {
        code: 'folder-unwritable',
        kind: 'usage',
        message: `${DEFAULT_SITE_FILE} cannot be written in this folder`,
        found: `${folder}, which this user may not write to`,
        needed: 'a folder to keep the site in',
        next: `mkdir -p ~/${basename(folder) || 'site'} && cd ~/${basename(folder) || 'site'}, then run mojabox there by its whole path`,
      },
      { cause },
    )
  })
}

function keptWords(name: string): string {
  return `The earlier ${DEFAULT_SITE_FILE} is kept as ${name}.`
}

/** Whoever stops is told that nothing is lost. */
function withAnswersKept(error: unknown, folder: string): unknown {
  const facts = factsOf(error)
  if (facts.kind !== 'interrupted') return error
  const message = 'interrupted; the answers are kept'
  const next = 'mojabox (it goes on with these answers)'
  return new MojaboxError(
    { ...facts, message, found: `${join(folder, '.mojabox', 'wizard.json')}`, next },
    { cause: error },
  )
}
