import { z } from 'zod'
import type { ReportCase } from '../../contract/report.ts'
import type { HealthEndpoint } from '../../deployments/core-test-harness/profile.ts'
import { type Finding, fail, pass, reportCase, skip } from '../case.ts'
import type { CaseGroup, ValidateContext } from '../context.ts'

const Health = z.object({
  status: z.string(),
  services: z.array(z.object({ name: z.string(), status: z.string() })).optional(),
})

/** Every container runs, and every service says of itself that it is well. */
export const health: CaseGroup = {
  name: 'health',
  level: 'services',
  run: (context) =>
    Promise.all([
      ...context.profile.services
        .filter((service) => !context.profile.onDemand.includes(service))
        .map((service) => runs(context, service)),
      ...context.profile.health.map((endpoint) => saysOk(context, endpoint)),
    ]),
}

function runs(context: ValidateContext, service: string): Promise<ReportCase> {
  const job = context.profile.jobs.includes(service)
  const about = {
    id: `container:${service}`,
    title: job ? `${service} has ended well` : `${service} runs`,
    needed: job ? 'its container has exited with 0' : 'its container is running',
    subject: service,
  }
  return reportCase(about, context.signal, async () => {
    const containers = context.containers.filter((found) => found.service === service)
    // Somebody may have tidied up what has ended; that it ended well, the migrations themselves tell.
    if (containers.length === 0) return job ? skip('it has no container any more') : fail('it has no container')
    const replicas = context.profile.replicas[service] ?? 1
    const states = containers.map(({ state, exitCode }) => (state === 'exited' ? `exited with ${exitCode}` : state))
    const found = [...new Set(states)].join(', ')
    const well = containers.every(({ state, exitCode }) =>
      job ? state === 'exited' && exitCode === 0 : state === 'running',
    )
    if (containers.length < replicas) return fail(`${containers.length} of ${replicas} containers: ${found}`)
    return well ? pass(found) : fail(found)
  })
}

function saysOk(context: ValidateContext, endpoint: HealthEndpoint): Promise<ReportCase> {
  const { service, port, path } = endpoint
  const about = { id: `health:${service}`, title: `${service} says it is well`, needed: 'status OK', subject: service }
  return reportCase(about, context.signal, async () => {
    const address = context.containers.find((found) => found.service === service && found.state === 'running')?.address
    if (address === undefined) return skip('it does not run')
    const { status, body } = await context.get(`http://${address}:${port}${path}`, context.times.healthMs)
    return judged(status, body)
  })
}

function judged(status: number, body: string): Finding {
  const read = Health.safeParse(parsed(body))
  if (!read.success) return fail(`status ${status}: ${body.slice(0, 200)}`)
  const parts = (read.data.services ?? []).map((part) => `${part.name} ${part.status}`)
  const found = [read.data.status, ...parts].join(', ')
  return status === 200 && read.data.status === 'OK' ? pass(found) : fail(`status ${status}: ${found}`)
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch {
    return undefined
  }
}
