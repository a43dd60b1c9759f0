import { setTimeout as delay } from 'node:timers/promises'
import { stripVTControlCharacters } from 'node:util'
import { MojaboxError } from '../../../bundles/format/error.ts'
import type { StepContext, StepHandler } from '../../contract/step.ts'
import {
  type ComposeContainer,
  composeArgv,
  dockerIsThere,
  listContainers,
  listVolumes,
  PROJECT,
  wantedHashes,
} from '../../runtimes/compose.ts'
import { type CrashLoop, CrashWatch } from '../../runtimes/crash-loops.ts'
import { likelyCause } from '../../runtimes/likely-cause.ts'
import { removeStaleLinks } from '../../runtimes/stale-links.ts'
import { redact } from '../../store/secrets.ts'

export interface ComposeParams {
  title: string
  /** The rendered project: `compose.yaml` lies there. */
  folder: string
  /** The services that must run and be healthy. */
  services: string[]
  /** The services that run once and must have ended well. */
  jobs: string[]
  /** Nothing else of the project runs: what an earlier profile had goes. */
  alone?: boolean
  waitSeconds: number
}

/** A health check asks every few seconds: looking more often than this only costs. */
const LOOK_EVERY_MS = 500

/** Compose services up and healthy. */
export const compose: StepHandler<ComposeParams> = {
  keepsData: true,

  describe: (params) => params.title,

  async isDone(context, params) {
    const [wanted, containers] = await Promise.all([
      wantedHashes(context.run, params.folder),
      listContainers(context.run),
    ])
    const actual = new Map(containers.map(({ service, hash }) => [service, hash]))
    const current = [...params.services, ...params.jobs].every((name) => wanted.get(name) === actual.get(name))
    const left = params.alone ? [...actual.keys()].filter((name) => !wanted.has(name)) : []
    return current && left.length === 0 && unsettled(params, containers).length === 0
  },

  async apply(context, params) {
    // Compose does not start what is only paused; its own `unpause` gives up at the first that is not.
    const paused = (await listContainers(context.run)).filter(({ state }) => state === 'paused')
    if (paused.length > 0) {
      await context.run(['docker', 'unpause', ...paused.map(({ name }) => name)], { okCodes: [0, 1] })
    }
    const stale = await removeStaleLinks(context.run)
    if (stale > 0) context.note(`${stale} network links were left by a Docker that was killed: taken away`)
    const orphans = params.alone ? ['--remove-orphans'] : []
    const up = ['up', '--detach', '--no-build', '--pull', 'never', '--quiet-pull', ...orphans, ...params.services]
    const watch = new CrashWatch(context.run)
    try {
      const limits = { timeoutMs: params.waitSeconds * 1000, signal: watch.signal }
      const started = context.run(composeArgv(params.folder, ...up), limits)
      // Compose waits for dependencies itself; a failure there is told with the container's own last words below.
      const outcome = await started.then(
        () => undefined,
        (error: unknown) => error,
      )
      context.signal.throwIfAborted()
      await waitUntilSettled(context, params, watch, outcome)
    } finally {
      watch.end()
    }
  },

  async undo(context) {
    // Docker came from the bundle and went with it, in an uninstall before this one.
    if (!(await dockerIsThere(context.run))) return
    const down = ['docker', 'compose', '-p', PROJECT, 'down', '--remove-orphans', '--timeout', '20']
    await context.run(down, { timeoutMs: 180_000 })
    if (!context.order.deleteData) return
    const volumes = await listVolumes(context.run)
    if (volumes.length > 0) await context.run(['docker', 'volume', 'rm', ...volumes])
  },
}

function unsettled(params: ComposeParams, containers: ComposeContainer[]): string[] {
  const lacks = (name: string, isWell: (container: ComposeContainer) => boolean) => {
    const found = containers.filter((container) => container.service === name)
    return found.length === 0 || !found.every(isWell)
  }
  const services = params.services.filter((name) =>
    lacks(name, ({ state, health }) => state === 'running' && (health === '' || health === 'healthy')),
  )
  const jobs = params.jobs.filter((name) => lacks(name, ({ state, exitCode }) => state === 'exited' && exitCode === 0))
  return [...services, ...jobs]
}

async function waitUntilSettled(
  context: StepContext,
  params: ComposeParams,
  watch: CrashWatch,
  upFailure: unknown,
): Promise<void> {
  const until = performance.now() + params.waitSeconds * 1000
  const total = params.services.length + params.jobs.length
  for (;;) {
    const containers = await listContainers(context.run)
    const waiting = unsettled(params, containers)
    context.progress(total - waiting.length, total, 'items', waiting.join(', '))
    if (waiting.length === 0) return
    if (watch.found) throw await inLoop(context, params, watch.found)
    const stopped = containers.find(
      (container) => waiting.includes(container.service) && container.state === 'exited' && container.exitCode !== 0,
    )
    if (stopped || upFailure || performance.now() > until)
      throw await notUp(context, params, waiting, stopped, upFailure)
    await delay(LOOK_EVERY_MS, undefined, { signal: context.signal })
  }
}

async function inLoop(context: StepContext, params: ComposeParams, loop: CrashLoop): Promise<MojaboxError> {
  const { service, restarts, exitCode } = loop
  const words = await lastWords(context, params, service)
  const cause = likelyCause({ ...loop, words })
  const likely = cause ? `; likely, ${cause}` : ''
  return new MojaboxError({
    code: 'service-crash-loop',
    kind: 'step',
    message: `${service} ends as often as it is started${likely}`,
    found: await redact(`started again ${restarts} times, exit code ${exitCode}${likely}; its last words:\n${words}`),
    needed: `${service} running, and well`,
    next: `mojabox logs ${service}; mend what it says, then run the same command again`,
  })
}

async function lastWords(context: StepContext, params: ComposeParams, service: string): Promise<string> {
  const logs = ['logs', '--no-color', '--no-log-prefix', '--tail', '15', service]
  const { stdout, stderr } = await context.run(composeArgv(params.folder, ...logs), { okCodes: [0, 1] })
  return stripVTControlCharacters(`${stdout}${stderr}`).trim()
}

async function notUp(
  context: StepContext,
  params: ComposeParams,
  waiting: string[],
  stopped: ComposeContainer | undefined,
  cause: unknown,
): Promise<MojaboxError> {
  const subject = stopped?.service ?? waiting[0] ?? ''
  const words = await lastWords(context, params, subject)
  const compose = cause instanceof MojaboxError ? `${cause.facts.found ?? cause.message}\n` : ''
  return new MojaboxError(
    {
      code: 'service-not-healthy',
      kind: 'step',
      message: `${subject} did not come up`,
      found: await redact(`${compose}waiting for ${waiting.join(', ')}; last words of ${subject}:\n${words}`),
      needed: `all of ${[...params.services, ...params.jobs].join(', ')} healthy within ${params.waitSeconds} s`,
      next: `see \`docker logs ${PROJECT}-${subject}-1\` on the node, then run the same command again`,
    },
    { cause },
  )
}
