import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { NODE_PATHS } from '../contract/paths.ts'
import type { Report } from '../contract/report.ts'
import { type Definition, parseDefinition } from '../deployments/core-test-harness/definition.ts'
import { profileOf } from '../deployments/core-test-harness/profile.ts'
import { validationKeys } from '../deployments/core-test-harness/signers.ts'
import { createRunCommand } from '../runtimes/command.ts'
import { PROJECT } from '../runtimes/compose.ts'
import { handedSecret } from '../store/secrets.ts'
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
    signingKeys: await signingKeys(definition, state.profile),
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

/** One that is not there is left out: the validation says whose it misses. */
async function signingKeys(definition: Definition, profile: string): Promise<Map<string, KeyObject>> {
  const keys = new Map<string, KeyObject>()
  for (const [signer, secret] of validationKeys(profileOf(definition, profile))) {
    const pem = await handedSecret(secret)
    if (pem !== undefined) keys.set(signer, secret.endsWith('-public') ? createPublicKey(pem) : createPrivateKey(pem))
  }
  return keys
}
