import type { NodeStatus } from '../../agent/contract/status.ts'
import { MojaboxError } from '../../bundles/format/error.ts'

/** @throws MojaboxError `hub-not-well` when the hub is not up or its last validation failed */
export function failUnlessWell(status: NodeStatus): void {
  if (status.hub === 'up' && status.validation?.passed !== false) return
  const bad = status.services.filter(
    (service) =>
      service.state !== 'completed' && (service.state !== 'running' || !['', 'healthy'].includes(service.health)),
  )
  throw new MojaboxError({
    code: 'hub-not-well',
    kind: 'validation',
    message: `the hub on ${status.host} is ${status.hub}`,
    found: [
      ...bad.map((service) => `${service.service} ${service.state} ${service.health}`.trim()),
      ...(status.validation?.failed ?? []),
    ].join('; '),
    needed: 'every service healthy and the last validation passed',
    next: 'mojabox validate',
  })
}
