import { type ChildProcessByStdio, spawn } from 'node:child_process'
import type { Readable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { stripVTControlCharacters } from 'node:util'
import type { LogLine } from '../contract/node-answer.ts'
import type { RunCommand } from '../contract/step.ts'
import { openRedaction } from '../store/secrets.ts'
import { linesOf } from './lines.ts'
import { mergeByTime, type Stamped } from './merge-by-time.ts'
import { listServices, requireService, type Service } from './services.ts'
import { spooledOutput } from './spooled-output.ts'

export interface LogRequest {
  /** All of them when none is named. */
  services: string[]
  follow: boolean
  /** Lines of each service: a number, or `all`. */
  tail: string
  /** As Docker takes it: `10m`, or a time in ISO 8601. */
  since: string | undefined
}

/** A service that is made anew (an install, `mojabox dev`) has a new container: it is looked for this often. */
const LOOK_EVERY_MS = 1000
/** One that has just ended is most often started again at once. */
const LOOK_SOON_MS = 150
const SOON_MS = 3000

/**
 * What the services wrote, by time; then, when asked, what they go on to write until the signal fires.
 * @throws MojaboxError `service-unknown`
 */
export async function readLogs(
  run: RunCommand,
  request: LogRequest,
  tell: (line: LogLine) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const chosen = await chooseServices(run, request.services)
  const redact = await openRedaction()
  const told = new Map<string, string>()
  const say = async (service: Service, { at, text }: Stamped) => {
    const last = told.get(service.id)
    if (last === undefined || at > last) told.set(service.id, at)
    await tell({ type: 'log', at, service: service.name, text: redact(plain(text)) })
  }
  const begun = new Date().toISOString()
  const back = ['--tail', request.tail, ...(request.since === undefined ? [] : ['--since', request.since])]
  const streams = await Promise.all(
    chosen.map(async (service) =>
      (await spooledOutput(logsArgv(service, back), signal)).map((lines) => tagged(service, stamped(lines))),
    ),
  )
  for await (const { service, ...line } of mergeByTime(streams.flat())) await say(service, line)
  if (!request.follow) return

  const followed = new Set<string>()
  let endedAtMs = Number.NEGATIVE_INFINITY
  let ended = new AbortController()
  while (!signal.aborted) {
    for (const service of await chooseServices(run, request.services).catch(() => [])) {
      if (service.state !== 'running' || followed.has(service.id)) continue
      followed.add(service.id)
      const last = told.get(service.id)
      void follow(service, last ?? begun, say, signal).finally(() => {
        followed.delete(service.id)
        endedAtMs = performance.now()
        ended.abort()
      })
    }
    const isSoon = performance.now() - endedAtMs < SOON_MS
    const woken = AbortSignal.any([signal, ended.signal])
    await delay(isSoon ? LOOK_SOON_MS : LOOK_EVERY_MS, undefined, { signal: woken }).catch(() => {})
    ended = new AbortController()
  }
}

async function chooseServices(run: RunCommand, names: string[]): Promise<Service[]> {
  const all = await listServices(run)
  return names.length === 0 ? all : [...new Set(names)].map((name) => requireService(all, name))
}

async function follow(
  service: Service,
  since: string,
  say: (service: Service, line: Stamped) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const flags = ['--follow', '--since', since]
  const each = stampedStreams(service, flags, signal).map(async (lines) => {
    // Docker tells the line of that very time again.
    for await (const line of lines) if (line.at > since) await say(service, line)
  })
  await Promise.all(each).catch(() => {})
}

/** stdout and stderr of the container, each in order; Docker does not keep the order between them. */
function stampedStreams(service: Service, flags: string[], signal: AbortSignal): AsyncGenerator<Stamped>[] {
  const [program = '', ...argv] = logsArgv(service, flags)
  const child: ChildProcessByStdio<null, Readable, Readable> = spawn(program, argv, {
    stdio: ['ignore', 'pipe', 'pipe'],
    signal,
  })
  child.on('error', () => {})
  return [child.stdout, child.stderr].map((stream) => stamped(linesOf(stream)))
}

function logsArgv(service: Service, flags: string[]): string[] {
  return ['docker', 'logs', '--timestamps', ...flags, service.id]
}

async function* stamped(lines: AsyncIterable<string>): AsyncGenerator<Stamped> {
  for await (const line of lines) {
    const at = line.indexOf(' ')
    if (/^\d{4}-\d\d-\d\dT/.test(line)) yield { at: line.slice(0, at), text: line.slice(at + 1) }
  }
}

async function* tagged(service: Service, lines: AsyncIterable<Stamped>) {
  for await (const line of lines) yield { ...line, service }
}

/** Nothing that would move a reader's cursor. */
function plain(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is taken out
  return stripVTControlCharacters(text).replace(/[\u0000-\u0008\u000b-\u001f\u007f]/g, '')
}
