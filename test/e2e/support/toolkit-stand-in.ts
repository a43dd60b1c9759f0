import { nodeExec } from '../../lab/nodes.ts'
import { dockerOn } from './hub.ts'

/**
 * Stands in for the testing toolkit, whose images the lab does not have: a container with its name in the hub's project,
 * and a client that takes the real one's options, "runs" the collections, and writes the report that the real one would.
 * The report is as long as a real one's: more than any one line of the node's answers may be. With the label `fail`, each assertion fails and it ends with 1, as the real one does.
 */
const CLIENT = `
const fs = require('node:fs'), path = require('node:path')
const words = process.argv.slice(2)
const option = (name) => { const at = words.indexOf('--' + name); return at < 0 ? undefined : words[at + 1] }
if (!option('base-url')) process.exit(64)
JSON.parse(fs.readFileSync(option('environment-file'), 'utf8')).inputValues.any
const files = option('input-files').split(',').flatMap((input) => fs.statSync(input).isFile() ? [input]
  : fs.readdirSync(input, { recursive: true }).filter((name) => name.endsWith('.json')).map((name) => path.join(input, name)))
const failing = option('labels') === 'fail'
const status = failing ? { status: 'FAILED', message: 'as asked' } : { status: 'SUCCESS' }
const cases = files.flatMap((file) => JSON.parse(fs.readFileSync(file, 'utf8')).test_cases || [])
for (const { requests } of cases) for (const request of requests) {
  for (const assertion of request.tests.assertions) assertion.resultStatus = status
  request.request = { description: request.description, tests: request.tests }
}
console.log(cases.length + ' cases')
fs.writeFileSync(option('report-target').replace('file://', ''), JSON.stringify({ name: 'multi', test_cases: cases, log: 'x'.repeat(1e6) }))
process.exit(failing ? 1 : 0)`

const NAME = 'mojabox-mojaloop-testing-toolkit-1'
const IMAGE = 'docker.io/mojaloop/ml-testing-toolkit-client-lib:v1.9.1'
const LEDGER = 'docker.io/mojaloop/central-ledger:v19.5.5'

export async function startToolkitStandIn(node: string): Promise<void> {
  const dockerfile = [
    `FROM ${LEDGER}`,
    'USER root',
    'COPY client.js /opt/app/src/client.js',
    'RUN chmod 644 /opt/app/src/client.js',
    'USER ml-user',
  ].join('\n')
  await nodeExec(node, ['sh', '-euc', 'mkdir -p /tmp/toolkit; cat > /tmp/toolkit/client.js'], { input: CLIENT })
  await nodeExec(node, ['sh', '-euc', 'cat > /tmp/toolkit/Dockerfile'], { input: dockerfile })
  await dockerOn(node, 'build', '--quiet', '--tag', IMAGE, '/tmp/toolkit')
  const labels = ['project=mojabox', 'service=mojaloop-testing-toolkit', 'oneoff=False'].flatMap((label) => [
    '--label',
    `com.docker.compose.${label}`,
  ])
  await dockerOn(node, 'run', '--detach', '--name', NAME, '--network', 'mojabox', ...labels, LEDGER, 'sleep', '600')
}

export async function stopToolkitStandIn(node: string): Promise<void> {
  await dockerOn(node, 'rm', '--force', '--volumes', NAME)
  await dockerOn(node, 'image', 'rm', IMAGE)
}
