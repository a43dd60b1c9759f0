import { setTimeout as delay } from 'node:timers/promises'
import type { ReportCase } from '../../contract/report.ts'
import type { ConsumerGroup } from '../../deployments/core-test-harness/profile.ts'
import { type Finding, fail, pass, reportCase, skip } from '../case.ts'
import type { CaseGroup, ValidateContext } from '../context.ts'
import type { ConsumerGroup as Described } from '../kafka.ts'

/** Each handler's consumer group has its service on every partition of its topic, and has read what is there. */
export const consumerGroups: CaseGroup = {
  name: 'consumer-groups',
  level: 'services',
  run: (context) => Promise.all(context.profile.consumerGroups.map((group) => reads(context, group))),
}

function reads(context: ValidateContext, wanted: ConsumerGroup): Promise<ReportCase> {
  const about = {
    id: `consumer-group:${wanted.group}`,
    title: `${wanted.service} reads ${wanted.topic}`,
    needed: `${wanted.group} stable, ${wanted.service} on every partition, nothing left unread`,
    subject: wanted.service,
  }
  return reportCase(about, context.signal, async () => {
    const partitions = await context.partitions().then(
      (all) => all.get(wanted.topic) ?? 0,
      () => undefined,
    )
    if (partitions === undefined) return skip(`${context.profile.kafka?.service ?? 'kafka'} does not answer`)
    if (partitions === 0) return skip(`there is no topic ${wanted.topic}`)
    return settledFinding(context, wanted, partitions)
  })
}

/** A group that is being assigned, or is catching up, gets a moment. */
async function settledFinding(context: ValidateContext, wanted: ConsumerGroup, partitions: number): Promise<Finding> {
  const until = performance.now() + context.times.settleMs
  const containers = context.containers.filter((found) => found.service === wanted.service)
  const stopped = containers.find(({ state }) => state !== 'running')
  if (containers.length === 0 || stopped)
    return fail(`${wanted.service} ${stopped ? `is ${stopped.state}` : 'has no container'}`)
  const addresses = containers.flatMap(({ address }) => address ?? [])
  let first: bigint | undefined
  for (;;) {
    const assignment = assigned(await context.kafka.group(wanted.group), wanted, partitions, addresses)
    const unread = await unreadOf(context, wanted, partitions)
    if (assignment.status === 'pass' && unread === 0n) return pass(`${assignment.found}, nothing unread`)
    if (performance.now() >= until) {
      if (assignment.status === 'fail') return assignment
      const dropping = first !== undefined && unread < first
      return dropping
        ? pass(`catching up: ${unread} unread, ${first} before`)
        : fail(`${unread} unread and not dropping`)
    }
    first ??= unread
    await delay(context.times.lookMs, undefined, { signal: context.signal })
  }
}

/** Kafka keeps a member that died until its session runs out: one from another address than the service's own is such a one. */
function assigned(group: Described, wanted: ConsumerGroup, partitions: number, addresses: string[]): Finding {
  if (group.members.length === 0) return fail(`${wanted.group} is ${group.state} and has no members`)
  if (group.state.toLowerCase() !== 'stable') return fail(`${wanted.group} is ${group.state}, not yet assigned`)
  const own = group.members.filter((member) => addresses.length === 0 || addresses.includes(member.host))
  if (own.length === 0) {
    return fail(
      `${wanted.group} has only members at ${group.members.map(({ host }) => host).join(', ')}, not at ${addresses.join(', ')}`,
    )
  }
  const held = new Set(
    own.flatMap((member) =>
      member.partitions.filter(({ topic }) => topic === wanted.topic).map(({ partition }) => partition),
    ),
  )
  const free = Array.from({ length: partitions }, (_, index) => index).filter((partition) => !held.has(partition))
  if (free.length > 0) return fail(`nobody at ${wanted.service} reads partition ${free.join(', ')} of ${wanted.topic}`)
  return pass(`${group.state}, ${own.length} ${own.length === 1 ? 'member' : 'members'}`)
}

async function unreadOf(context: ValidateContext, wanted: ConsumerGroup, partitions: number): Promise<bigint> {
  const lag = await context.kafka.lag(wanted.group, wanted.topic, partitions)
  return lag.reduce((sum, { committed, end }) => sum + (end - (committed < 0n ? 0n : committed)), 0n)
}
