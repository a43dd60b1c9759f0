import { spawn } from 'node:child_process'
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Readable } from 'node:stream'
import { MojaboxError } from '../../bundles/format/error.ts'
import type { NodeAnswer, ToolkitOrder } from '../contract/node-answer.ts'
import type { RunCommand } from '../contract/step.ts'
import { PROJECT } from '../runtimes/compose.ts'
import { requireNodeState } from '../service/status.ts'
import { openRedaction } from '../store/secrets.ts'
import { chooseCollections, collectionsIn, environmentBeside } from './collections.ts'
import { hubFolder } from './hub-folder.ts'
import { linesOf } from './lines.ts'
import { listServices, type Service } from './services.ts'

/** The testing toolkit as the harness has it. */
const TOOLKIT = { service: 'mojaloop-testing-toolkit', url: 'http://mojaloop-testing-toolkit:5050' }
const CLIENT_IMAGE = 'docker.io/mojaloop/ml-testing-toolkit-client-lib:v1.9.1'
const CLIENT = `${PROJECT}-toolkit-client`
/** Of a report, characters: as JSON within JSON it may take six times as many. */
const PIECE = 32 * 1024
/** Inside the client's container. */
const MOUNT = '/mojabox'

interface Files {
  /** Text by path below the collections' folder. */
  texts: ReadonlyMap<string, string>
  environment: string
}

/**
 * Runs collections with the toolkit's own client, beside the hub on its network, and tells how it ended: with its own exit
 * code, which the harness hides.
 * @throws MojaboxError `toolkit-missing`, `toolkit-busy`; of the hub's own collections what collections.ts says
 */
export async function runToolkit(
  run: RunCommand,
  order: ToolkitOrder,
  tell: (answer: NodeAnswer) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  await requireToolkit(run, await listServices(run))
  const { texts, environment } = await filesOf(order)
  const redact = await openRedaction()
  const folder = await mkdtemp(join(tmpdir(), 'mojabox-toolkit-'))
  try {
    await place(folder, texts, environment)
    const stop = () => void run(['docker', 'rm', '--force', CLIENT], { okCodes: [0, 1] }).catch(() => {})
    const child = spawn('docker', clientArgv(folder, order), { stdio: ['ignore', 'pipe', 'pipe'] })
    signal.addEventListener('abort', stop, { once: true })
    const ended = new Promise<number>((resolve) => child.once('close', (code) => resolve(code ?? 137)))
    const hear = async (stream: Readable) => {
      for await (const line of linesOf(stream)) await tell({ type: 'toolkit-output', text: redact(`${line}\n`) })
    }
    await Promise.all([hear(child.stdout), hear(child.stderr)])
    const exitCode = await ended
    signal.removeEventListener('abort', stop)
    const report = redact(await readFile(join(folder, 'reports', 'report.json'), 'utf8').catch(() => ''))
    for (let at = 0; at < report.length; at += PIECE) {
      await tell({ type: 'toolkit-report', text: report.slice(at, at + PIECE) })
    }
    await tell({ type: 'toolkit-ended', exitCode })
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** What came with the order, else what the install put beside the hub. */
async function filesOf({ collections, inputs, environment }: ToolkitOrder): Promise<Files> {
  const found =
    collections === null
      ? await collectionsIn(join(await hubFolder(), 'test-files', 'collections'))
      : { from: 'the order', texts: new Map(Object.entries(collections)), environments: new Map<string, string>() }
  chooseCollections(found, inputs)
  return { texts: found.texts, environment: environment ?? environmentBeside(found) }
}

function clientArgv(folder: string, { inputs, labels }: ToolkitOrder): string[] {
  return [
    ...['run', '--rm', '--name', CLIENT, '--pull', 'never', '--init', '--network', PROJECT],
    ...['--volume', `${folder}:${MOUNT}`, CLIENT_IMAGE, 'node', 'src/client.js', '--base-url', TOOLKIT.url],
    ...['--input-files', inputs.map((input) => `${MOUNT}/collections/${input}`).join(',')],
    ...['--environment-file', `${MOUNT}/environment.json`],
    ...(labels === '' ? [] : ['--labels', labels]),
    ...['--report-format', 'json', '--report-target', `file://${MOUNT}/reports/report.json`],
  ]
}

/** Readable, and the reports' folder writable, for whatever user the client's image has. */
async function place(folder: string, texts: Files['texts'], environment: string): Promise<void> {
  await chmod(folder, 0o755)
  for (const [path, text] of texts) {
    const target = join(folder, 'collections', path)
    await mkdir(dirname(target), { recursive: true, mode: 0o755 })
    await writeFile(target, text, { mode: 0o644 })
  }
  await writeFile(join(folder, 'environment.json'), environment, { mode: 0o644 })
  await mkdir(join(folder, 'reports'))
  await chmod(join(folder, 'reports'), 0o777)
}

async function requireToolkit(run: RunCommand, services: readonly Service[]): Promise<void> {
  const { code } = await run(['docker', 'image', 'inspect', CLIENT_IMAGE], { okCodes: [0, 1] })
  const toolkit = services.find(({ name }) => name === TOOLKIT.service)
  if (code === 0 && toolkit?.state === 'running') {
    const { stdout } = await run(['docker', 'ps', '--all', '--quiet', '--filter', `name=^${CLIENT}$`])
    if (stdout.trim() !== '') throw busy()
    return
  }
  const { profile } = await requireNodeState()
  throw new MojaboxError({
    code: 'toolkit-missing',
    kind: 'check',
    message: 'end-to-end tests are run by the testing toolkit, which this hub does not have',
    found: `profile ${profile}: ${toolkit ? `${TOOLKIT.service} ${toolkit.state}` : `no ${TOOLKIT.service}`}, ${
      code === 0 ? 'its client is there' : `no image ${CLIENT_IMAGE}`
    }`,
    needed: `a profile with ${TOOLKIT.service} and its client`,
    next: 'mojabox install --profile all-services   (with a bundle that carries it)',
  })
}

function busy(): MojaboxError {
  return new MojaboxError({
    code: 'toolkit-busy',
    kind: 'check',
    message: 'end-to-end tests run on this hub already',
    found: `container ${CLIENT}`,
    needed: 'one run at a time: they count on the same balances',
    next: `wait for its end, or end it on the node with \`docker rm --force ${CLIENT}\``,
  })
}
