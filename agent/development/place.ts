import { readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { MojaboxError } from '../../bundles/format/error.ts'
import { writeWhole } from '../../bundles/format/write-whole.ts'
import { NODE_PATHS } from '../contract/paths.ts'
import type { RunCommand } from '../contract/step.ts'
import { composeArgv, PROJECT } from '../runtimes/compose.ts'
import { makeFolder } from '../store/make-folder.ts'
import { DEVELOPMENT_LABEL, developmentImage } from './override.ts'

/** Where notes of checkouts in services' places lie, one a service. */
const FOLDER = join(NODE_PATHS.root, 'development')
const WAIT_SECONDS = 180

const Mark = z.object({
  service: z.string(),
  checkout: z.string(),
  pid: z.number(),
  /** Of `docker compose watch`, which outlives a killed command; 0 before it is begun. */
  watchPid: z.number(),
  folder: z.string(),
})
/** A checkout is in this service's place, put there by that process. */
export type Mark = z.infer<typeof Mark>

/** Its override file, beside its mark. */
export function overridePath(service: string): string {
  return join(FOLDER, `${service}.yaml`)
}

export async function writeOverride(service: string, text: string): Promise<void> {
  await makeFolder(FOLDER, 0o700)
  await writeWhole(overridePath(service), (file) => file.writeFile(text), 0o600)
}

export async function writeMark(mark: Mark): Promise<void> {
  await writeWhole(join(FOLDER, `${mark.service}.json`), (file) => file.writeFile(JSON.stringify(mark)), 0o600)
}

async function readMarks(): Promise<Mark[]> {
  const names = (await readdir(FOLDER).catch(() => [])).filter((name) => name.endsWith('.json'))
  const texts = await Promise.all(names.map((name) => readFile(join(FOLDER, name), 'utf8').catch(() => '')))
  return texts.filter(Boolean).map((text) => Mark.parse(JSON.parse(text)))
}

/** The released image back in the service's place, healthy; nothing of the checkout stays. Safe to do again. */
export async function putBack(run: RunCommand, { service, folder }: Pick<Mark, 'service' | 'folder'>): Promise<void> {
  const up = ['up', '--detach', '--no-deps', '--no-build', '--pull', 'never', '--wait', '--wait-timeout']
  await run(composeArgv(folder, ...up, String(WAIT_SECONDS), service), { timeoutMs: (WAIT_SECONDS + 30) * 1000 })
  await forget(run, service)
}

async function forget(run: RunCommand, service: string): Promise<void> {
  await run(['docker', 'image', 'rm', developmentImage(service)], { okCodes: [0, 1] })
  const label = `label=${DEVELOPMENT_LABEL}=${service}`
  await run(['docker', 'image', 'prune', '--force', '--filter', label], { okCodes: [0, 1] })
  for (const ending of ['json', 'yaml']) await rm(join(FOLDER, `${service}.${ending}`), { force: true })
}

/**
 * Puts released images back where a checkout's command was cut (killed, the machine restarted).
 * @returns the services that were put back
 */
export async function recoverPlaces(run: RunCommand): Promise<string[]> {
  const cut = await marksThat(async (mark) => !(await lives(mark)))
  for (const mark of cut) {
    await endWatch(mark)
    await putBack(run, mark)
  }
  return cut.map(({ service }) => service)
}

/**
 * Before the hub is changed as a whole: what was cut is forgotten (the change itself brings the released image), a live
 * one refused.
 * @throws MojaboxError `development-on`
 */
export async function clearPlaces(run: RunCommand): Promise<void> {
  const [live] = await marksThat(lives)
  if (live) throw developmentOn(live)
  for (const mark of await readMarks()) {
    await endWatch(mark)
    await removeContainer(run, mark.service)
    await forget(run, mark.service)
  }
}

/** An image stays as long as a container is made from it. */
async function removeContainer(run: RunCommand, service: string): Promise<void> {
  const label = 'label=com.docker.compose'
  const filters = ['--filter', `${label}.project=${PROJECT}`, '--filter', `${label}.service=${service}`]
  const { stdout } = await run(['docker', 'ps', '--all', '--quiet', '--no-trunc', ...filters])
  const ids = stdout.split('\n').filter(Boolean)
  if (ids.length > 0) await run(['docker', 'rm', '--force', ...ids])
}

/** @throws MojaboxError `development-on` while a live command has a checkout in this service's place */
export async function requireFreePlace(service: string): Promise<void> {
  const [live] = await marksThat(async (mark) => mark.service === service && (await lives(mark)))
  if (live) throw developmentOn(live)
}

async function marksThat(fits: (mark: Mark) => Promise<boolean>): Promise<Mark[]> {
  const marks = await readMarks()
  const fit = await Promise.all(marks.map(fits))
  return marks.filter((_, index) => fit[index])
}

/** Process numbers come again: it must also be the same command. */
async function lives({ pid, service }: Mark): Promise<boolean> {
  const words = await wordsOf(pid)
  return words.includes('dev') && words.includes(service)
}

async function endWatch({ watchPid, service }: Mark): Promise<void> {
  const words = await wordsOf(watchPid)
  if (words.includes('watch') && words.includes(service)) process.kill(watchPid, 'SIGKILL')
}

/** The command line of a process; none when it is gone. */
async function wordsOf(pid: number): Promise<string[]> {
  return (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).split('\0')
}

function developmentOn({ service, checkout, pid }: Mark): MojaboxError {
  return new MojaboxError({
    code: 'development-on',
    kind: 'check',
    message: `a checkout runs in the place of ${service}`,
    found: `${checkout}, put there by process ${pid}`,
    needed: `the released ${service}`,
    next: 'end `mojabox dev` with Ctrl-C where it runs, then run the same command again',
  })
}
