import { spawn } from 'node:child_process'
import { docker } from '../../lab/docker.ts'
import { nodeExec } from '../../lab/nodes.ts'
import { labRegistry } from '../../lab/registry.ts'
import { waitFor } from '../../lab/wait.ts'

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

/** Puts a line into a source that says so when it runs. @returns seconds until the service ran it */
export async function edit(node: string, path: string, running: RunningCheckout): Promise<number> {
  const mark = `edited-${Date.now()}`
  const startedAt = performance.now()
  await nodeExec(node, ['sed', '-i', `1i console.log("${mark}")`, path])
  await running.saw(`| ${mark}`)
  const seconds = (performance.now() - startedAt) / 1000
  process.stdout.write(`  edit to running: ${seconds.toFixed(2)} s\n`)
  return seconds
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
