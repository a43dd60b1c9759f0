// The lab's command line: node test/lab/lab.ts setup | images | node NAME [--suite SUITE] | status | down [--images]
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { cachePath } from './cache.ts'
import { docker, labLabel } from './docker.ts'
import { type NodeSuite, nodeSuites } from './node-image.ts'
import { knownHostsLines, listNodes, startNode } from './nodes.ts'
import { makeImages, setUpLab } from './set-up.ts'
import { createKeyPair } from './ssh-keys.ts'
import { seconds } from './stages.ts'
import { tearDownLab } from './tear-down.ts'

const usage = 'usage: lab.ts setup | images | node NAME [--suite trixie|bookworm] | status | down [--images]'

const log = (line: string): void => {
  process.stdout.write(`${line}\n`)
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { suite: { type: 'string', default: nodeSuites[0] }, images: { type: 'boolean', default: false } },
  })
  const [command, name] = positionals
  const start = performance.now()
  if (command === 'setup') await setUpLab({ log }).then(({ registry }) => log(`registry at ${registry.address}`))
  else if (command === 'images') await makeImages({ log })
  else if (command === 'node' && name !== undefined) await runNode(name, suiteNamed(values.suite))
  else if (command === 'status') await printStatus()
  else if (command === 'down') await tearDownLab({ log, images: values.images })
  else throw new Error(usage)
  log(`${seconds(start)} in all`)
}

/** Starts a node to look around on, with a key of its own that is kept in the cache until the next node of that name. */
async function runNode(name: string, suite: NodeSuite): Promise<void> {
  await setUpLab()
  const folder = cachePath('keys', name)
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const { privateKeyPath, publicKey } = await createKeyPair(folder)
  const node = await startNode({ name, suite, publicKey })
  const knownHostsPath = `${folder}/known_hosts`
  writeFileSync(knownHostsPath, `${(await knownHostsLines(node)).join('\n')}\n`)
  log(`ssh -i ${privateKeyPath} -o UserKnownHostsFile=${knownHostsPath} ops@${node.ip}`)
}

function suiteNamed(text: string): NodeSuite {
  const suite = nodeSuites.find((each) => each === text)
  if (suite === undefined) throw new Error(`reading --suite: ${text} is none of ${nodeSuites.join(', ')}`)
  return suite
}

async function printStatus(): Promise<void> {
  const format = '{{.Repository}}:{{.Tag}}\t{{.Size}}\t{{.CreatedSince}}'
  log(await docker(['image', 'ls', '--filter', `label=${labLabel}`, '--filter', 'dangling=false', '--format', format]))
  const nodes = await listNodes()
  log(nodes.length === 0 ? 'no nodes' : `nodes: ${nodes.join(', ')}`)
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
})
