import { setTimeout as delay } from 'node:timers/promises'
import type { RunCommand } from '../contract/step.ts'
import { PROJECT } from './compose.ts'

/** So often started again within one step, a service will not come up by itself. */
const LOOP_RESTARTS = 3
const LOOK_EVERY_MS = 2_000

export interface CrashLoop {
  service: string
  /** Since the watch began. */
  restarts: number
  exitCode: number
  outOfMemory: boolean
}

/** Looks after the project's containers while they start: Compose itself waits for one that only ever ends. */
export class CrashWatch {
  /** The first service that was found in a loop. */
  found: CrashLoop | undefined
  readonly #run: RunCommand
  readonly #stop = new AbortController()
  readonly #looped = new AbortController()

  /** @param everyMs between two looks */
  constructor(run: RunCommand, everyMs = LOOK_EVERY_MS) {
    this.#run = run
    this.#watch(everyMs).catch(() => {})
  }

  /** Aborted when a loop was found. */
  get signal(): AbortSignal {
    return this.#looped.signal
  }

  end(): void {
    this.#stop.abort()
  }

  async #watch(everyMs: number): Promise<void> {
    const first = new Map<string, number>()
    while (!this.#stop.signal.aborted) {
      // Docker may be busy: then the next look tells.
      for (const { name, loop } of await this.#look().catch(() => [])) {
        const before = first.get(name) ?? loop.restarts
        first.set(name, before)
        if (loop.restarts - before < LOOP_RESTARTS) continue
        this.found = { ...loop, restarts: loop.restarts - before }
        this.#looped.abort()
        return
      }
      await delay(everyMs, undefined, { signal: this.#stop.signal })
    }
  }

  async #look(): Promise<{ name: string; loop: CrashLoop }[]> {
    const label = 'com.docker.compose'
    const listed = await this.#run([
      'docker',
      'ps',
      '--all',
      '--quiet',
      '--filter',
      `label=${label}.project=${PROJECT}`,
    ])
    const ids = listed.stdout.split('\n').filter(Boolean)
    if (ids.length === 0) return []
    const format = `{{.Name}}\t{{index .Config.Labels "${label}.service"}}\t{{.RestartCount}}\t{{.State.ExitCode}}\t{{.State.OOMKilled}}`
    const { stdout } = await this.#run(['docker', 'inspect', '--format', format, ...ids], { okCodes: [0, 1] })
    return stdout
      .split('\n')
      .filter(Boolean)
      .map((row) => {
        const [name = '', service = '', restarts = '0', exitCode = '0', killed = ''] = row.split('\t')
        const loop = { service, restarts: Number(restarts), exitCode: Number(exitCode), outOfMemory: killed === 'true' }
        return { name, loop }
      })
  }
}
