/**
 * `npm run demo`: the main job on this machine, from nothing. A bare Debian host without a way out of its network gets
 * a Mojaloop hub over SSH, and two DFSPs prove it by paying each other. `-- --keep` leaves it running, `-- --down` takes
 * it away.
 */
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { pagePortOf } from '../agent/contract/page.ts'
import { cachePath } from '../test/lab/cache.ts'
import { countEgress, egressPackets } from '../test/lab/egress.ts'
import { listNodes, removeNode, startNode } from '../test/lab/nodes.ts'
import { setUpLab } from '../test/lab/set-up.ts'
import { createKeyPair } from '../test/lab/ssh-keys.ts'
import { BUNDLE, buildBundle, buildExecutables, EXECUTABLE, foreground, TRUSTED_KEY } from './lab/artifacts.ts'
import { stages } from './lab/stages.ts'

const NODE = 'demo'
const FOLDER = cachePath('demo')
const say = (text: string): void => void process.stdout.write(`${text}\n`)

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { keep: { type: 'boolean' }, down: { type: 'boolean' } } })
  await down()
  if (values.down) return say('the demo is taken away')
  const { stage, summary } = stages()
  await stage('the executable', () => buildExecutables('linux-x64'))
  const lab = await stage('the lab: Docker, images of the real services, a registry', () => setUpLab({ log: say }))
  await stage('the bundle', () => buildBundle(lab.registry.address))
  const { node, key } = await stage('a bare Debian 13 host, with no route out', bareHost)
  const site = [
    '--host',
    `${NODE}=ops@${node.ip}`,
    '--identity',
    key.privateKeyPath,
    '--bundle',
    BUNDLE,
    '--trust',
    TRUSTED_KEY,
    '--profile',
    'payments',
    '--accept-new-host-keys',
  ]
  const mojabox = (...args: string[]) => foreground([EXECUTABLE, ...args], { env: { HOME: FOLDER } })
  process.chdir(FOLDER)
  await stage('mojabox install: over SSH, to a validated hub', () =>
    mojabox('install', ...site, '--report', join(FOLDER, 'report.xml')),
  )
  await stage('mojabox install again: nothing to do', () => mojabox('install', ...site))
  await stage('mojabox validate: two DFSPs pay each other', () => mojabox('validate', '--level', 'transfer', ...site))
  await stage('mojabox status', () => mojabox('status', ...site))
  const { packets } = await egressPackets(node.ip)
  say(`\npackets that tried to leave the host's network: ${packets}`)
  say(`report: ${join(FOLDER, 'report.xml')}\n\ntimes:\n${summary()}`)
  say(`the hub's page, on the host: http://127.0.0.1:${pagePortOf(undefined)}`)
  if (values.keep) return say(lookAround(node.ip, key.privateKeyPath))
  await down()
  say('the host is gone again; `npm run demo -- --keep` leaves it running')
}

async function bareHost() {
  await mkdir(FOLDER, { recursive: true })
  const key = await createKeyPair(FOLDER)
  const node = await startNode({ name: NODE, suite: 'trixie', publicKey: key.publicKey })
  await countEgress(node.ip)
  return { node, key }
}

async function down(): Promise<void> {
  if ((await listNodes().catch((): string[] => [])).includes(NODE)) await removeNode(NODE)
  await rm(FOLDER, { recursive: true, force: true })
}

function lookAround(ip: string, key: string): string {
  return `the host is still there. Look at the page (it comes over SSH; Ctrl-C closes it):
  cd ${FOLDER} && ${EXECUTABLE} open --host ${NODE}=ops@${ip} --identity ${key}
Look around:
  ssh -i ${key} -o UserKnownHostsFile=${FOLDER}/.mojabox/known_hosts ops@${ip}
    mojabox status                        how the hub is
    sudo docker ps                        its containers
    curl -s 127.0.0.1:3001/participants   the ledger's own API
    sudo journalctl -u mojabox-agent      what the agent says
Take it away: npm run demo -- --down`
}

main().catch((error: unknown) => {
  process.stderr.write(`demo: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
})
