import type { NodeStatus, ServiceStatus } from '../contract/status.ts'
import type { ComposeContainer } from '../runtimes/compose.ts'

/** The services as people know them: a job that ended well is `completed`. In the order of their names. */
export function serviceStatuses<C extends ComposeContainer>(
  containers: readonly C[],
): (ServiceStatus & { container: C })[] {
  return containers
    .map((container) => {
      const { service, state, health, image, exitCode } = container
      return { service, state: state === 'exited' && exitCode === 0 ? 'completed' : state, health, image, container }
    })
    .sort((left, right) => left.service.localeCompare(right.service))
}

/** Whether a service is as it should be: a job that has ended well, or one that runs and is not known to be ill. */
export function isWell({ state, health }: Pick<ServiceStatus, 'state' | 'health'>): boolean {
  return state === 'completed' || (state === 'running' && ['', 'healthy'].includes(health))
}

/** One word for all of them. */
export function hubState(services: readonly Pick<ServiceStatus, 'state' | 'health'>[]): NodeStatus['hub'] {
  const lasting = services.filter((service) => service.state !== 'completed')
  const up = lasting.filter(isWell)
  if (lasting.length === 0 || up.length === 0)
    return services.some((service) => service.health === 'starting') ? 'starting' : 'down'
  if (up.length === lasting.length) return 'up'
  return lasting.some((service) => service.health === 'starting') ? 'starting' : 'degraded'
}
