import type { NodeStatus, ServiceStatus } from '../contract/status.ts'
import { getFromDocker } from '../facts/docker-socket.ts'
import { type ComposeContainer, PROJECT, readStatus } from '../runtimes/compose.ts'
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

/** The project's containers in one question to Docker's socket: a hundredth of what a child process costs. */
export async function lookAtHub(ask: (path: string) => Promise<{ body: unknown }> = getFromDocker): Promise<Look> {
  const atMs = Date.now()
  const containers = await ask(CONTAINERS).then(
    ({ body }) => (Array.isArray(body) ? body.map(readContainer) : []),
    () => [],
  )
  const services = serviceStatuses(containers).map(
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
