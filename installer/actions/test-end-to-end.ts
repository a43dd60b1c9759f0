import { readFile } from 'node:fs/promises'
import type { ToolkitEnded, ToolkitOrder } from '../../agent/contract/node-answer.ts'
import {
  type Collections,
  chooseCollections,
  collectionsIn,
  environmentBeside,
  noEnvironment,
  parsedJson,
} from '../../agent/development/collections.ts'
import { MojaboxError } from '../../bundles/format/error.ts'
import { CommandEnded } from '../cli/command-ended.ts'
import type { Io } from '../cli/io.ts'
import { summaryOf } from '../testing/junit-xml.ts'
import { completed } from '../testing/results.ts'
import { parseToolkitReport } from '../testing/toolkit-report.ts'
import { writeResults } from '../testing/write-results.ts'
import { askNode } from './ask-node.ts'
import { type OneHostOptions, onOneHost } from './one-host.ts'

export interface E2eOptions extends OneHostOptions {
  collections?: string
  environment?: string
  labels: string
  report?: string[]
}

/**
 * Runs testing-toolkit collections against the whole hub.
 * @throws CommandEnded with the toolkit's own exit code unless it is 0; MojaboxError
 */
export async function testEndToEnd(wanted: string[], options: E2eOptions, io: Io): Promise<void> {
  const order = await orderOf(wanted, options)
  await onOneHost(options, io, async (connection) => {
    const startedAt = new Date()
    let ended: ToolkitEnded | undefined
    let report = ''
    await askNode(
      connection,
      ['toolkit'],
      (answer) => {
        if (answer.type === 'toolkit-output') io.stdout(answer.text)
        else if (answer.type === 'toolkit-report') report += answer.text
        else if (answer.type === 'toolkit-ended') ended = answer
      },
      { signal: io.signal, patient: true, input: `${JSON.stringify(order)}\n` },
    )
    io.signal.throwIfAborted()
    if (!ended) throw new Error('the toolkit ended without a word')
    const cases = report === '' ? [] : parseToolkitReport(report)
    if (report !== '' && cases.length === 0 && ended.exitCode === 0) throw nothingRun(order)
    const seconds = Math.round(Date.now() - startedAt.getTime()) / 1000
    const { exitCode } = ended
    const run = completed({ name: `e2e ${order.inputs.join(' ')}`, startedAt, seconds, exitCode, cases })
    io.stderr(`${summaryOf(run)}\n`)
    const kept = await writeResults(run, options.report ?? []).then(
      () => undefined,
      (error: unknown) => error,
    )
    if (run.exitCode !== 0) throw new CommandEnded(run.exitCode)
    if (kept) throw kept
  })
}

/** The hub's own collections are checked on the node; those of the desk here, before anything is asked of a host. */
async function orderOf(wanted: string[], options: E2eOptions): Promise<ToolkitOrder> {
  const { labels } = options
  const given = options.environment === undefined ? null : await readEnvironment(options.environment)
  if (options.collections === undefined) return { collections: null, inputs: wanted, environment: given, labels }
  const collections = await collectionsIn(options.collections)
  return {
    collections: Object.fromEntries(collections.texts),
    inputs: chooseCollections(collections, whole(wanted, collections)),
    environment: given ?? environmentBeside(collections),
    labels,
  }
}

/** All of them where none is named. */
function whole(wanted: string[], { texts }: Collections): string[] {
  const named =
    wanted.length !== 1 || wanted[0] !== 'tests' || [...texts.keys()].some((path) => path.startsWith('tests/'))
  if (named) return wanted
  return [...new Set([...texts.keys()].map((path) => path.split('/')[0] ?? path))]
}

async function readEnvironment(path: string): Promise<string> {
  const text = await readFile(path, 'utf8').catch(() => undefined)
  if (text === undefined) throw noEnvironment(path)
  parsedJson(path, text)
  return text
}

/** The toolkit calls that a success; who mistyped a label would never know. */
function nothingRun({ inputs, labels }: ToolkitOrder): MojaboxError {
  return new MojaboxError({
    code: 'nothing-run',
    kind: 'usage',
    message: 'no test was run',
    found: `none in ${inputs.join(', ')}${labels === '' ? '' : ` with one of the labels ${labels}`}`,
    needed: 'at least one assertion',
    next: labels === '' ? 'mojabox test e2e COLLECTION' : 'mojabox test e2e without --labels, or with others',
  })
}
