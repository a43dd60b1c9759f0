import { MojaboxError } from '../../bundles/format/error.ts'
import type { Io } from '../cli/io.ts'
import { createPrompter } from '../wizard/create-prompter.ts'
import { siteOrThisNode } from './one-host.ts'
import { resolveSite } from './resolve-site.ts'
import { runVerb, type VerbOptions } from './run-verb.ts'

export interface ResetOptions extends VerbOptions {
  yes?: boolean
}

/** Asks first: what the hub holds is gone afterwards. @throws MojaboxError `not-confirmed`, and as any verb */
export async function resetData(given: ResetOptions, io: Io): Promise<void> {
  const options = await siteOrThisNode(given)
  const { site } = await resolveSite(options, io)
  const names = site.hosts.map(({ name }) => name).join(', ')
  const question = `Delete all data of the hub on ${names}? It cannot be had back.`
  const agreed = options.yes === true || (io.canAsk && !options.json && (await askYes(question, io)))
  if (!agreed) throw notConfirmed(names)
  await runVerb('reset-data', options, io)
}

async function askYes(message: string, io: Io): Promise<boolean> {
  const choices = [
    { value: 'no', label: 'No' },
    { value: 'yes', label: 'Yes, delete it' },
  ]
  return (await (await createPrompter(io)).ask({ kind: 'choice', message, choices }, false)) === 'yes'
}

function notConfirmed(hosts: string): MojaboxError {
  return new MojaboxError({
    code: 'not-confirmed',
    kind: 'usage',
    message: `the data of the hub on ${hosts} would be deleted, and nobody said yes`,
    found: 'no --yes',
    needed: 'a yes: the ledger’s participants, transfers and positions cannot be had back',
    next: 'mojabox reset-data --yes',
  })
}
