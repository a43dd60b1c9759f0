import Table from 'cli-table3'
import type { NodeStatus } from '../../agent/contract/status.ts'
import type { Look } from './look.ts'
import { size } from './meter.ts'

/** Columns set apart by blanks: fits 80 columns, any terminal, and `awk`. */
const PLAIN = Object.fromEntries(
  [
    'top',
    'top-mid',
    'top-left',
    'top-right',
    'bottom',
    'bottom-mid',
    'bottom-left',
    'bottom-right',
    'left',
    'left-mid',
    'mid',
    'mid-mid',
    'right',
    'right-mid',
    'middle',
  ].map((name) => [name, '']),
)

/** A node's status as a table for a person. */
export function renderStatus(status: NodeStatus, look: Look): string {
  const { paint } = look
  const tone = { up: 'green', starting: 'yellow', degraded: 'red', down: 'red' } as const
  const head = [
    `${paint('bold', `${status.site}/${status.host}`)}: hub ${paint(tone[status.hub], status.hub)}, host booted at ${status.bootedAt}`,
    `${status.deployment} ${status.profile}, mojabox ${status.mojabox}`,
    `bundle ${status.bundleVersion}, ${status.bundle.slice(0, 'sha256:'.length + 12)}`,
  ]
  const table = new Table({
    head: ['service', 'state', 'health', 'image'],
    style: { head: [], border: [], compact: true },
    chars: PLAIN,
  })
  for (const { service, state, health, image } of status.services) {
    table.push([service, state, health || '-', image.replace(/^docker\.io\/(library\/)?/, '')])
  }
  return `${[...head, table.toString(), ...validationLines(status, look), agentLine(status)].join('\n')}\n`
}

function validationLines({ validation, nextValidationAt }: NodeStatus, { marks, paint }: Look): string[] {
  if (!validation) return ['not validated yet']
  const next = nextValidationAt ? [`  again at ${nextValidationAt}`] : []
  if (validation.passed)
    return [`${paint('green', marks.pass)} validated at ${validation.at} in ${validation.seconds} s`, ...next]
  return [
    `${paint('red', marks.fail)} validation failed at ${validation.at}`,
    ...validation.failed.map((title) => `    ${title}`),
    ...next,
  ]
}

function agentLine({ agent, store }: NodeStatus): string {
  const kept = `store: ${store.blobs} blobs, ${size(store.bytes)}`
  if (!agent) return `agent: does not answer; ${kept}`
  const page = agent.page ? `page: http://${agent.page}/ on the host; \`mojabox open\` from a desk` : 'page: none'
  return `agent: since ${agent.startedAt}, ${size(agent.residentBytes)} resident; ${kept}\n${page}`
}
