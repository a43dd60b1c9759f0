import type { NodeStatus, ServiceStatus } from '../contract/status.ts'
import type { ComposeContainer } from '../runtimes/compose.ts'

/**
 * The services as people know them, in the order of their names: a job that ended well is `completed`. One that
 * `isLasting` ended well too, when somebody stopped it, and yet it is not there.
 */
export function serviceStatuses<C extends ComposeContainer>(
  containers: readonly C[],
  isLasting: (container: C) => boolean,
): (ServiceStatus & { container: C })[] {
  return containers
    .map((container) => {
      const { service, state, health, image, exitCode } = container
      const completed = state === 'exited' && exitCode === 0 && !isLasting(container)
      return { service, state: completed ? 'completed' : state, health, image, container }
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
