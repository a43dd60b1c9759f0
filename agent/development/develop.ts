import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Readable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { stripVTControlCharacters } from 'node:util'
import { z } from 'zod'
import { factsOf, MojaboxError } from '../../bundles/format/error.ts'
import type { NodeAnswer } from '../contract/node-answer.ts'
import type { RunCommand } from '../contract/step.ts'
import { isAtLeast } from '../preflight/version-order.ts'
import { composeArgv } from '../runtimes/compose.ts'
import { sourceOf } from './backing.ts'
import { type Checkout, readCheckout, requireSourceOf } from './checkout.ts'
import { hubFolder } from './hub-folder.ts'
import { type ImageView, refuseDependencies, viewImage } from './image-view.ts'
import { linesOf } from './lines.ts'
import { readLogs } from './logs.ts'
import { overrideOf } from './override.ts'
import { overridePath, putBack, requireFreePlace, writeMark, writeOverride } from './place.ts'
import { listServices, requireService } from './services.ts'

export interface DevelopRequest {
  service: string
  /** Absolute. */
  path: string
  debugPort: number | undefined
}

/** Compose says when it looks; one that does not say it has begun by then. */
const FOLLOWS_WITHIN_MS = 5_000
/** `develop.watch` came with 2.22, its action `sync+restart` with 2.23. */
const COMPOSE_NEEDED = '2.23.0'
const BUILD_LIMIT_MS = 15 * 60_000

const Config = z.object({
  services: z.record(z.string(), z.object({ image: z.string(), command: z.array(z.string()).nullish() })),
})

type Tell = (answer: NodeAnswer) => Promise<void>

/**
 * Runs a checkout in a service's place, its files followed, until the signal fires; then puts the released image back and
 * waits until it is healthy.
 * @throws MojaboxError `service-unknown`, `checkout-missing`, `checkout-other`, `checkout-not-built`, `compose-too-old`,
 * `dependencies-not-installed`, `development-on`, `development-stopped`
 */
export async function develop(
  run: RunCommand,
  request: DevelopRequest,
  tell: Tell,
  signal: AbortSignal,
): Promise<void> {
  const { service } = request
  const say = (state: 'building' | 'starting' | 'watching' | 'restoring' | 'restored', message: string) =>
    tell({ type: 'development', state, service, message })
  await requireCompose(run)
  requireService(await listServices(run), service)
  await requireFreePlace(service)
  const folder = await hubFolder()
  const released = await releasedService(run, folder, service)
  const checkout = await readCheckout(request.path)
  requireSourceOf(checkout, service, sourceOf(released.image))
  const view = await viewImage(run, released.image, checkout)
  refuseUnbuilt(checkout, view)
  const parts = { ...released, service, checkout, view, debugPort: request.debugPort }
  const mark = { service, checkout: checkout.path, pid: process.pid, watchPid: 0, folder }
  await writeOverride(service, overrideOf(parts))
  await writeMark(mark)
  const compose = (...words: string[]) => composeArgv(folder, '-f', overridePath(service), ...words)
  let failure: unknown
  try {
    await say('building', `${released.image} with ${checkout.name} ${checkout.version} from ${checkout.path}`)
    await build(run, compose('build', service), view)
    if (!signal.aborted) {
      await say('starting', 'in its place')
      await run(compose('up', '--detach', '--no-deps', '--no-build', '--pull', 'never', service))
      const begun = (watchPid: number) => writeMark({ ...mark, watchPid })
      await watch(compose('watch', '--no-up', service), request, { run, tell, signal, begun })
    }
  } catch (error) {
    failure = error
  }
  await say('restoring', `${released.image} back in its place`)
  await putBack(run, { service, folder })
  await say('restored', `${released.image} runs and is healthy`)
  if (failure !== undefined) throw failure
}

async function requireCompose(run: RunCommand): Promise<void> {
  const { stdout } = await run(['docker', 'compose', 'version', '--short'])
  const found = stdout.trim()
  if (isAtLeast(found, COMPOSE_NEEDED)) return
  throw new MojaboxError({
    code: 'compose-too-old',
    kind: 'check',
    message: 'this Docker Compose cannot follow a checkout',
    found: `Compose ${found}`,
    needed: `Compose ${COMPOSE_NEEDED} or later`,
    next: 'put a later docker-compose-plugin (or docker-compose) onto this machine, then run the same command again',
  })
}

/** The service as the hub's own Compose file has it, whatever runs now. */
async function releasedService(run: RunCommand, folder: string, service: string) {
  const { stdout } = await run(composeArgv(folder, 'config', '--format', 'json'))
  const found = Config.parse(JSON.parse(stdout)).services[service]
  if (!found) throw new Error(`compose.yaml has no ${service}, though its container is there`)
  return { image: found.image, command: found.command ?? undefined }
}

/** A service that is compiled is taken as its own build left it. @throws MojaboxError `checkout-not-built` */
function refuseUnbuilt(checkout: Checkout, view: ImageView): void {
  if (!view.entries.includes('dist') || checkout.entries.includes('dist')) return
  throw new MojaboxError({
    code: 'checkout-not-built',
    kind: 'usage',
    message: `${checkout.name} is compiled, and this checkout is not`,
    found: `no ${checkout.path}/dist`,
    needed: 'its compiled files',
    next: `cd ${checkout.path} && npm ci && npm run build   (and \`npm run build -- --watch\` meanwhile)`,
  })
}

async function build(run: RunCommand, argv: string[], view: ImageView): Promise<void> {
  if (view.differing.length > 0 && !view.npm) refuseDependencies(view.differing, 'the image has no npm')
  try {
    await run(argv, { timeoutMs: BUILD_LIMIT_MS })
  } catch (error) {
    const words = (factsOf(error).found ?? '').split('\n').slice(-3).join(' ')
    if (view.differing.length > 0) refuseDependencies(view.differing, words, error)
    throw error
  }
}

interface WatchContext {
  run: RunCommand
  tell: Tell
  signal: AbortSignal
  begun(pid: number): Promise<void>
}

async function watch(
  argv: string[],
  { service, path, debugPort }: DevelopRequest,
  { run, tell, signal, begun }: WatchContext,
): Promise<void> {
  const [program = '', ...words] = argv
  const child = spawn(program, words, { stdio: ['ignore', 'pipe', 'pipe'], detached: true })
  const ended = once(child, 'close')
  await begun(child.pid ?? 0)
  const stop = AbortSignal.any([signal, abortAt(ended)])
  const debug = debugPort === undefined ? '' : `; debugger on 127.0.0.1:${debugPort}`
  const since = new Date(Date.now() - 2000).toISOString()
  const { promise: follows, resolve: nowFollows } = Promise.withResolvers<void>()
  const last: string[] = []
  const hear = async (stream: Readable) => {
    for await (const line of linesOf(stream)) {
      const text = stripVTControlCharacters(line).trim()
      // What BuildKit tells of each layer is of no use to a reader, its errors are.
      if (text === '' || (/^#\d+ /.test(text) && !/error/i.test(text))) continue
      if (/^(\S+ +\| +)?watch enabled$/i.test(text)) {
        nowFollows()
        continue
      }
      last.push(text)
      await tell({ type: 'development', state: 'watching', service, message: text })
    }
  }
  const heard = Promise.all([hear(child.stdout), hear(child.stderr)])
  // What is saved before Compose looks is not seen by it.
  await Promise.race([follows, delay(FOLLOWS_WITHIN_MS, undefined, { signal: stop }).catch(() => {})])
  await tell({ type: 'development', state: 'watching', service, message: `${path} is followed${debug}` })
  const request = { services: [service], follow: true, tail: 'all', since }
  await readLogs(run, request, tell, stop)
  end(child)
  await ended
  await heard.catch(() => {})
  if (!signal.aborted) throw stopped(service, last)
}

function abortAt(event: Promise<unknown>): AbortSignal {
  const controller = new AbortController()
  event.then(
    () => controller.abort(),
    () => controller.abort(),
  )
  return controller.signal
}

function end(child: ChildProcess): void {
  if (child.exitCode === null) child.kill('SIGINT')
}

function stopped(service: string, last: string[]): MojaboxError {
  return new MojaboxError({
    code: 'development-stopped',
    kind: 'step',
    message: `following the checkout of ${service} ended by itself`,
    found: last.slice(-3).join(' ') || 'no message',
    needed: '`docker compose watch` that goes on',
    next: 'run the same command again',
  })
}
