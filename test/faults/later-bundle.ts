import { cp, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parse, stringify } from 'yaml'
import { buildBundleOf, SPEC_FOLDER } from '../../scripts/lab/artifacts.ts'
import { cachePath } from '../lab/cache.ts'
import { buildEnvironment, docker, labLabel } from '../lab/docker.ts'
import { withLock } from '../lab/lock.ts'
import { run } from '../lab/process.ts'
import { labRegistry } from '../lab/registry.ts'

export const PROFILE = 'central-ledger'

/** An image that the later bundle has anew, and how the lab calls what it is made of. */
const IMAGE = { name: 'docker.io/library/redis:8.0', from: 'mojabox-lab/redis:8.0', tag: 'mojabox-lab/redis:later' }
/** What the later bundle has to bring of it; random, so that nothing makes it smaller. */
const LAYER_BYTES = 96 * 1024 * 1024

/**
 * The files of the deployment that the later bundle has otherwise, by their paths: every container is made anew, and
 * there is a step more of each kind that the profile has none of (a folder, a key pair, a certificate), a secret and a topic.
 */
export async function laterFiles(): Promise<Record<string, string>> {
  const deployment = parse(await readFile(join(SPEC_FOLDER, 'deployment.yaml'), 'utf8'))
  deployment.every.logging.options['max-size'] = '11m'
  deployment.secrets['later-secret'] = { bytes: 16 }
  const config = { services: ['central-ledger'], file: 'config/later.txt', path: 'later.txt', target: '/etc/later.txt' }
  deployment.configs.push({ ...config, uid: 10001, mode: '0400' })
  deployment.provisioning.participants[0].netDebitCap += 1
  const services = await readFile(join(SPEC_FOLDER, 'services', 'central-ledger.yaml'), 'utf8')
  const api = 'command: ["node", "src/api/index.js"]'
  const named = ['later-secret', 'jws-payer-public', 'security-ca-certificate', 'security-payer-certificate']
  return {
    'deployment.yaml': stringify(deployment),
    'services/central-ledger.yaml': replaced(
      replaced(services, api, `${api}\n    volumes: ["./reports:/var/reports"]`),
      'topics: { topic-admin-transfer: 1 }',
      'topics: { topic-admin-transfer: 1, topic-later: 1 }',
    ),
    'config/later.txt': `${named.map((name) => `{{secret:${name}}}`).join('\n')}\n`,
  }
}

function replaced(text: string, what: string, by: string): string {
  const parts = text.split(what)
  if (parts.length !== 2) throw new Error(`${what}: ${parts.length - 1} times in the file, and not once`)
  return parts.join(by)
}

/** Makes the later bundle, beside the one that it comes after, unless it is there and younger; returns its path. */
export async function ensureLaterBundle(bundle: string): Promise<string> {
  const path = bundle.replace(/(\.tar)?$/, '-later.tar')
  await withLock(cachePath('faults.lock'), async () => {
    const madeAt = (await stat(path).catch(() => undefined))?.mtimeMs ?? 0
    const inputs = [bundle, import.meta.filename].map(async (input) => (await stat(input)).mtimeMs)
    if (!(await Promise.all(inputs)).every((at) => at < madeAt)) await buildLaterBundle(path)
  })
  return path
}

async function buildLaterBundle(path: string): Promise<void> {
  const spec = cachePath('faults', 'spec')
  await rm(spec, { recursive: true, force: true })
  await cp(SPEC_FOLDER, spec, { recursive: true })
  for (const [file, text] of Object.entries(await laterFiles())) await writeFile(join(spec, file), text)
  const described = parse(await readFile(join(spec, 'bundle.yaml'), 'utf8'))
  await writeFile(join(spec, 'bundle.yaml'), stringify({ ...described, version: '2.99.0' }))
  const image = ['--image', `${IMAGE.name}=${await laterImage()}`]
  await buildBundleOf(join(spec, 'bundle.yaml'), [PROFILE], path, labRegistry.address, image)
}

/** The image with a layer of its own, as an OCI layout. */
async function laterImage(): Promise<string> {
  const folder = cachePath('faults', 'image')
  await mkdir(folder, { recursive: true })
  const dockerfile = `FROM ${IMAGE.from}\nRUN head -c ${LAYER_BYTES} /dev/urandom > /later\n`
  await writeFile(join(folder, 'Dockerfile'), dockerfile)
  const env = await buildEnvironment()
  await docker(['build', '--quiet', '--force-rm', '--label', labLabel, '--tag', IMAGE.tag, folder], { env })
  const layout = cachePath('faults', 'redis')
  await rm(layout, { recursive: true, force: true })
  await run(['skopeo', 'copy', '--quiet', `docker-daemon:${IMAGE.tag}`, `oci:${layout}`])
  return layout
}
