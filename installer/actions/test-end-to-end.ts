import { readFile } from 'node:fs/promises'
import { basename, resolve } from 'node:path'
import type { ToolkitEnded, ToolkitOrder } from '../../agent/contract/node-answer.ts'
import { MojaboxError } from '../../bundles/format/error.ts'
import { CommandEnded } from '../cli/command-ended.ts'
import type { Io } from '../cli/io.ts'
import {
  type Collections,
  chooseCollections,
  collectionsIn,
  collectionsOfBundle,
  parsedJson,
} from '../testing/collections.ts'
import { summaryOf } from '../testing/junit-xml.ts'
import { completed, type TestRun } from '../testing/results.ts'
import { parseToolkitReport } from '../testing/toolkit-report.ts'
import { writeResults } from '../testing/write-results.ts'
import { askNode } from './ask-node.ts'
import { type OneHostOptions, onOneHost } from './one-host.ts'
import { openVerified } from './open-verified.ts'

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
  await onOneHost(options, io, async (connection, _host, { site }) => {
    const collections = await readCollections(options, site.bundle, io)
    const inputs = chooseCollections(collections, whole(wanted, collections, options))
    const order: ToolkitOrder = {
      collections: Object.fromEntries(collections.texts),
      inputs,
      environment: await readEnvironment(collections, options.environment),
      labels: options.labels,
    }
    const startedAt = new Date()
    let ended: ToolkitEnded | undefined
    await askNode(
      connection,
      ['toolkit'],
      (answer) => {
        if (answer.type === 'toolkit-output') io.stdout(answer.text)
        else if (answer.type === 'toolkit-ended') ended = answer
      },
      { signal: io.signal, patient: true, input: `${JSON.stringify(order)}\n` },
    )
    io.signal.throwIfAborted()
    if (!ended) throw new Error('the toolkit ended without a word')
    const run = runOf(`e2e ${inputs.join(' ')}`, startedAt, ended)
    io.stderr(`${summaryOf(run)}\n`)
    const kept = await writeResults(run, options.report ?? []).then(
      () => undefined,
      (error: unknown) => error,
    )
    if (run.exitCode !== 0) throw new CommandEnded(run.exitCode)
    if (kept) throw kept
  })
}

/** Of collections of one's own, all of them where none is named. */
function whole(wanted: string[], { texts }: Collections, options: E2eOptions): string[] {
  const named =
    wanted.length !== 1 || wanted[0] !== 'tests' || [...texts.keys()].some((path) => path.startsWith('tests/'))
  if (named || options.collections === undefined) return wanted
  return [...new Set([...texts.keys()].map((path) => path.split('/')[0] ?? path))]
}

async function readCollections(options: E2eOptions, bundlePath: string, io: Io): Promise<Collections> {
  if (options.collections !== undefined) return collectionsIn(options.collections)
  // What a site made of flags has for a bundle that was not named.
  if (options.bundle === undefined && basename(bundlePath) === '-') throw noBundle()
  const bundle = await openVerified(resolve(bundlePath), options.quiet ? { ...io, stderr: () => {} } : io)
  try {
    return await collectionsOfBundle(bundle, bundlePath)
  } finally {
    await bundle.close()
  }
}

async function readEnvironment({ environments, from }: Collections, path: string | undefined): Promise<string> {
  const [name, carried] = [...environments].find(([each]) => each === 'default-env.json') ?? [...environments][0] ?? []
  const text = path === undefined ? carried : await readFile(path, 'utf8').catch(() => undefined)
  if (text === undefined) throw noEnvironment(path ?? `none beside the collections of ${from}`)
  parsedJson(path ?? name ?? 'environment', text)
  return text
}

function runOf(name: string, startedAt: Date, { exitCode, report }: ToolkitEnded): TestRun {
  const seconds = Math.round(Date.now() - startedAt.getTime()) / 1000
  const cases = report === null ? [] : parseToolkitReport(report)
  return completed({ name, startedAt, seconds, exitCode, cases })
}

function noBundle(): MojaboxError {
  return new MojaboxError({
    code: 'bundle-missing',
    kind: 'usage',
    message: 'the collections are in the bundle',
    found: 'no bundle named, and no --collections',
    needed: 'the bundle file, or a folder with collections',
    next: 'mojabox test e2e --bundle mojabox-bundle.tar   (or --collections PATH)',
  })
}

function noEnvironment(found: string): MojaboxError {
  return new MojaboxError({
    code: 'environment-missing',
    kind: 'usage',
    message: 'the testing toolkit needs an environment: the values that collections use',
    found,
    needed: 'a JSON file with `inputValues`',
    next: 'mojabox test e2e --environment FILE',
  })
}
