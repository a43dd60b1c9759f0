import { readFile } from 'node:fs/promises'
import { NODE_PATHS } from '../contract/paths.ts'
import type { Report } from '../contract/report.ts'
import { parseDefinition } from '../deployments/core-test-harness/definition.ts'
import { createRunCommand } from '../runtimes/command.ts'
import { PROJECT } from '../runtimes/compose.ts'
import { buildReport } from '../validate/report.ts'
import { validate } from '../validate/validate.ts'
import { requireNodeState } from './status.ts'
import { saveReport } from './validation.ts'

/**
 * Validates what is installed on this node (what that is, the node itself remembers) and saves the report.
 * @throws MojaboxError `not-installed`
 */
export async function validateInstalled(run: string, levels: string[], signal: AbortSignal): Promise<Report> {
  const state = await requireNodeState()
  const definition = parseDefinition(
    await readFile(`${NODE_PATHS.deployments}/${state.deployment}/deployment.yaml`, 'utf8'),
  )
  const startedAt = new Date()
  const found = await validate({
    definition,
    profile: state.profile,
    currency: state.settings.currency,
    ports: state.settings.ports,
    project: PROJECT,
    levels,
    run: createRunCommand(signal),
    signal,
  })
  const order = { ...state, run, skipChecks: [] }
  const report = buildReport({ order, startedAt, endedAt: new Date(), levels: found, checks: [] })
  await saveReport(report)
  return report
}
