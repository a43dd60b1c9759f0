import { spawn } from 'node:child_process'
import { docker } from './docker.ts'
import { nodeExec } from './nodes.ts'
import { labRegistry } from './registry.ts'
import { waitFor } from './wait.ts'

/** `mojabox dev` at work on a node, as a person there runs it. */
export interface RunningCheckout {
  /** Everything it said so far. */
  words(): string
  /** Waits until it has said that. */
  saw(text: string): Promise<void>
  /** Ctrl-C; its exit code once it has ended. */
  interrupt(): Promise<number>
  ended: Promise<number>
  /** Ends it, where it has not ended. */
  stop(): Promise<void>
}

const PID_PATH = '/tmp/mojabox-dev.pid'
/** Where `checkOutLedger` puts it. */
export const LEDGER_CHECKOUT = '/home/ops/central-ledger'
/** A source of it that runs when the service starts. */
const LEDGER_SOURCE = `${LEDGER_CHECKOUT}/src/api/index.js`

/** Gives the user ops of a node a checkout of central-ledger: the sources of the release that runs there. */
export async function checkOutLedger(node: string): Promise<void> {
  const copy = `mkdir -p ${LEDGER_CHECKOUT}; for part in package.json src config migrations seeds; do
    docker cp -q mojabox-central-ledger-1:/opt/app/$part ${LEDGER_CHECKOUT}/; done; chown -R ops: ${LEDGER_CHECKOUT}`
  await nodeExec(node, ['sh', '-euc', copy])
}

export async function runningCheckout(node: string, words: readonly string[]): Promise<RunningCheckout> {
  const script = `cd; echo $$ > ${PID_PATH}; exec mojabox dev "$@"`
  const user = ['--user', 'ops', '--env', 'HOME=/home/ops', '--env', 'USER=ops']
  const argv = ['exec', ...user, `mojabox-lab-${node}`, 'sh', '-c', script, 'sh', ...words]
  const child = spawn('docker', argv, { stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      said += text
    })
  }
  const ended = new Promise<number>((resolve) => child.once('close', (code) => resolve(code ?? -1)))
  let over = false
  ended.then(() => {
    over = true
  })
  return {
    words: () => said,
    async saw(text) {
      await waitFor(`mojabox dev to say "${text}"`, async () => over || said.includes(text), { timeoutMs: 120_000 })
      if (!said.includes(text)) throw new Error(`mojabox dev ended without saying "${text}":\n${said}`)
    },
    async interrupt() {
      await nodeExec(node, ['sh', '-c', `kill -INT "$(cat ${PID_PATH})"`])
      return ended
    },
    ended,
    async stop() {
      if (over) return
      await nodeExec(node, ['sh', '-c', `kill -INT "$(cat ${PID_PATH})"`], { allowFailure: true })
      await ended
    },
  }
}

/** By the node's clock, milliseconds. */
export interface Edit {
  savedAtMs: number
  ranAtMs: number
}

/** Puts a line into a source of central-ledger's checkout that says so when it runs; waits until it has. */
export async function edit(node: string, running: RunningCheckout): Promise<Edit> {
  const mark = `edited-${Date.now()}`
  const save = ['sh', '-euc', 'sed -i "$1" "$2"; date +%s%3N', 'sh', `1i console.log("${mark}")`, LEDGER_SOURCE]
  const { stdout: savedAt } = await nodeExec(node, save)
  await running.saw(`| ${mark}`)
  // When it was written, not when it was told here: after a restart logs are looked for once a second.
  const find = 'docker logs --timestamps --tail 1000 mojabox-central-ledger-1 | grep -m 1 "$1"'
  const { stdout: line } = await nodeExec(node, ['sh', '-euc', find, 'sh', mark])
  return { savedAtMs: Number(savedAt), ranAtMs: Date.parse(line.split(' ')[0] ?? '') }
}

interface Health {
  status: string
  services: { name: string; status: string }[]
}

/** Runs the real central-ledger on this machine with these variables, and asks it how it is. */
export async function ledgerHealthAtDesk(variablesPath: string): Promise<Health> {
  const script = `
    const variables = require('/variables.json')
    const env = { ...process.env, ...variables, CLEDG_PORT: '33111' }
    const child = require('node:child_process').spawn('node', ['src/api/index.js'], { env, stdio: 'ignore' })
    const ask = () => fetch('http://127.0.0.1:33111/health').then((answer) => answer.text())
    const look = (left) => ask().then((text) => console.log(text), () => left > 0 && new Promise((done) => setTimeout(done, 500)).then(() => look(left - 1)))
    look(60).finally(() => child.kill('SIGKILL'))`
  const image = `${labRegistry.address}/mojaloop/central-ledger:v19.5.5`
  const mount = `${variablesPath}:/variables.json:ro`
  const said = await docker([
    'run',
    '--rm',
    '--user',
    '0',
    '--network',
    'host',
    '--volume',
    mount,
    image,
    'node',
    '-e',
    script,
  ])
  return JSON.parse(said)
}
