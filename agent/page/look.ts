import type { NodeStatus, ServiceStatus } from '../contract/status.ts'
import { getFromDocker } from '../facts/docker-socket.ts'
import { type ComposeContainer, isRestarted, PROJECT, readStatus } from '../runtimes/compose.ts'
import { hubState, serviceStatuses } from '../service/hub-state.ts'

export interface LookedService extends ServiceStatus {
  /** Of its container. */
  id: string
  /** Docker's words: `Up 2 hours (healthy)` */
  words: string
}

/** The hub as it was at one moment. */
export interface Look {
  atMs: number
  hub: NodeStatus['hub']
  services: LookedService[]
}

const FILTERS = encodeURIComponent(JSON.stringify({ label: [`com.docker.compose.project=${PROJECT}`] }))
const CONTAINERS = `/containers/json?all=1&filters=${FILTERS}`

type Ask = (path: string) => Promise<{ body: unknown }>

/**
 * Looks at the project's containers over Docker's socket: one question, a hundredth of what a child process costs. Of a
 * container that ended well it asks once more, and remembers, whether it is a job or a service that was stopped.
 */
export class HubLook {
  readonly #ask: Ask
  #restarted = new Map<string, boolean>()

  constructor(ask: Ask = getFromDocker) {
    this.#ask = ask
  }

  async look(): Promise<Look> {
    const atMs = Date.now()
    const containers = await this.#ask(CONTAINERS).then(
      ({ body }) => (Array.isArray(body) ? body.map(readContainer) : []),
      () => [],
    )
    const ended = containers.filter(({ id, state, exitCode }) => id !== '' && state === 'exited' && exitCode === 0)
    const known = await Promise.all(ended.map(async ({ id }) => [id, await this.#isRestarted(id)] as const))
    this.#restarted = new Map(known)
    const services = serviceStatuses(containers, ({ id }) => this.#restarted.get(id) === true).map(
      ({ service, state, health, image, container: { id, words } }): LookedService => ({
        service,
        state,
        health,
        image,
        id,
        words,
      }),
    )
    return { atMs, hub: hubState(services), services }
  }

  async #isRestarted(id: string): Promise<boolean> {
    const known = this.#restarted.get(id)
    if (known !== undefined) return known
    const { body } = await this.#ask(`/containers/${id}/json`).catch(() => ({ body: undefined }))
    const { HostConfig } = (body ?? {}) as { HostConfig?: { RestartPolicy?: { Name?: unknown } } }
    return isRestarted(text(HostConfig?.RestartPolicy?.Name))
  }
}

/** Read without a schema, which the agent would carry for as long as it lives. */
function readContainer(value: unknown): ComposeContainer & Pick<LookedService, 'id' | 'words'> {
  const { Id, Names, Labels, State, Status, Image } = (value ?? {}) as Record<string, unknown>
  const words = text(Status)
  return {
    id: /^[0-9a-f]{64}$/.test(text(Id)) ? text(Id) : '',
    name: text(Array.isArray(Names) ? Names[0] : '').replace(/^\//, ''),
    service: text((Labels as Record<string, unknown> | null)?.['com.docker.compose.service']),
    state: text(State),
    ...readStatus(words),
    image: text(Image),
    words,
  }
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : ''
}
