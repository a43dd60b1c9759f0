import { randomBytes } from 'node:crypto'
import { posix } from 'node:path'
import { describe, expect, it } from 'vitest'
import { NODE_PATHS } from '../../../agent/contract/paths.ts'
import type { Step } from '../../../agent/contract/step.ts'
import type { WorkOrder } from '../../../agent/contract/work-order.ts'
import { AGENT_USER, planAgent } from '../../../agent/deployments/agent-steps.ts'
import { loadDeployment } from '../../../agent/deployments/core-test-harness/load.ts'
import { planHub } from '../../../agent/deployments/core-test-harness/plan.ts'
import { FOLDER, renderHub } from '../../../agent/deployments/core-test-harness/render.ts'
import { validationKeys } from '../../../agent/deployments/core-test-harness/signers.ts'
import type { ComposeParams } from '../../../agent/engine/steps/compose.ts'
import type { FileParams } from '../../../agent/engine/steps/file.ts'
import type { FolderParams } from '../../../agent/engine/steps/folder.ts'
import { handlerOf } from '../../../agent/engine/steps/registry.ts'
import { secretPath } from '../../../agent/store/secrets.ts'
import { type Artifact, type Digest, OciManifest } from '../../../bundles/format/manifest.ts'
import { orderOf } from '../service/orders.ts'
import { IMAGES, shippedBundle } from './harness.ts'

const HOST = { architecture: 'amd64', distribution: 'debian-13', installDocker: true, carriedImages: IMAGES }
const profile = 'central-ledger'
const WITH_CURRENCY = { files: { 'config/central-ledger.json': '{"CURRENCY":"{{currency}}"}' } }

async function stepsOf(changes: Partial<WorkOrder> = {}, host = HOST, options = {}): Promise<Step[]> {
  const { bundle } = shippedBundle(options)
  const order = orderOf(changes)
  const deployment = await loadDeployment(bundle, { ...host, profile: order.profile })
  return planHub(order, deployment, renderHub(order, deployment), host)
}

const settings = (changes: Partial<WorkOrder['settings']>) => ({ settings: { ...orderOf().settings, ...changes } })
const find = <P>(steps: Step[], id: string) => steps.find((step) => step.id === id)?.params as P
const files = (steps: Step[]) => steps.filter(({ kind }) => kind === 'file').map(({ params }) => params as FileParams)

describe('planHub', () => {
  it('is pure: the same input gives the same steps', async () => {
    const before = JSON.stringify(await stepsOf())
    await new Promise((resolve) => setTimeout(resolve, 5))
    process.env.MOJABOX_PROFILE = randomBytes(4).toString('hex')
    expect(JSON.stringify(await stepsOf())).toBe(before)
    delete process.env.MOJABOX_PROFILE
  })

  it('changes nothing of what it is given', async () => {
    const { bundle } = shippedBundle()
    const order = orderOf()
    const deployment = await loadDeployment(bundle, { ...HOST, profile })
    const before = structuredClone({ order, deployment })
    planHub(order, deployment, renderHub(order, deployment), HOST)
    expect({ order, deployment }).toEqual(before)
  })

  it('reads like the guide a person would write', async () => {
    const kinds = (await stepsOf()).map(({ id, kind }) => (kind === 'file' || kind === 'secret' ? kind : id))
    const order = kinds.filter((kind, index) => kind !== kinds[index - 1])
    expect(order).toEqual([
      'store',
      'packages',
      'docker',
      'images',
      'secret',
      'file',
      'backing-services',
      'topics',
      'services',
      'hub-accounts',
      'settlement-model',
      ...order.filter((kind) => kind.startsWith('participant-')),
    ])
  })

  it('is data: every step can be written down, read again, and has a handler and an id of its own', async () => {
    const { bundle } = shippedBundle()
    const steps = [...(await stepsOf()), ...planAgent(orderOf(), bundle.manifest)]
    expect(JSON.parse(JSON.stringify(steps))).toEqual(steps)
    expect(new Set(steps.map(({ id }) => id)).size).toBe(steps.length)
    for (const step of steps) expect(handlerOf(step.kind).describe(step.params)).not.toMatch(/undefined|\[object|^$/)
  })

  it('has no secret in any step, only references, each to a secret that an earlier step makes', async () => {
    const steps = await stepsOf()
    const made: string[] = []
    for (const step of steps) {
      if (step.kind === 'secret') made.push((step.params as { name: string }).name)
      for (const [, name] of JSON.stringify(step.params).matchAll(/\{\{secret:([^}]*)\}\}/g))
        expect(made).toContain(name)
    }
    expect(made.length).toBeGreaterThan(0)
    for (const { content, path } of files(steps)) {
      if (!path.endsWith('.json')) continue
      for (const [, value] of content.matchAll(/"[^"]*(?:password|secret)[^"]*":\s*"([^"]+)"/gi)) {
        expect(value).toMatch(/^\{\{secret:/)
      }
    }
  })

  it('lets nobody but its reader read a file with a secret', async () => {
    for (const { path, content, mode } of files(await stepsOf())) {
      if (content.includes('{{secret:')) expect({ path, others: mode & 0o077 }).toEqual({ path, others: 0 })
    }
  })

  it('makes the secrets of the profile’s services, and no others', async () => {
    const made = async (profile: string) =>
      (await stepsOf({ profile }, HOST)).flatMap(({ kind, params }) =>
        kind === 'secret' ? [(params as { name: string }).name] : [],
      )
    expect(await made('central-ledger')).not.toContain('grafana-admin-password')
    expect(await made('monitoring')).toContain('grafana-admin-password')
  })

  it('makes an authority before what it signs, and a key pair for each who signs messages', async () => {
    const made = (await stepsOf({ profile: 'security' })).filter(({ kind }) => /certificate|key-pair/.test(kind))
    expect(made.map(({ id }) => id)).toEqual([
      'key-pair-jws-payer',
      'key-pair-jws-payee',
      'certificate-security-ca',
      'certificate-security-payer',
      'certificate-security-payee',
    ])
    expect((await stepsOf()).filter(({ kind }) => /certificate|key-pair/.test(kind))).toEqual([])
  })

  it('makes a key for whoever signs messages in the profile: the hub, and the DFSPs that its validation plays', async () => {
    const made = async (profile: string) =>
      (await stepsOf({ profile })).filter(({ kind }) => kind === 'key-pair').map(({ id }) => id)
    expect(await made('payments')).toEqual([
      'key-pair-jws-hub',
      'key-pair-jws-mojaboxpayer',
      'key-pair-jws-mojaboxpayee',
    ])
    expect(await made('quoting-service')).toEqual(['key-pair-jws-hub'])
  })

  it('lays the toolkit’s files where its jobs read them, and a folder that they may write reports to', async () => {
    const testFiles = { 'collections/tests/p2p.json': '{}' }
    const steps = await stepsOf({ profile: 'ttk-tests' }, HOST, { testFiles })
    expect(find<FolderParams>(steps, 'folder-test-files')).toMatchObject({
      path: `${FOLDER}/test-files`,
      files: [{ path: 'collections/tests/p2p.json' }],
    })
    expect(find<FolderParams>(steps, 'folder-reports')).toMatchObject({ uid: 10_001, files: [] })
    const without = await stepsOf({ profile: 'testing-toolkit' })
    expect(find<FolderParams>(without, 'folder-test-files')).toMatchObject({ files: [] })
    expect((await stepsOf()).filter(({ kind }) => kind === 'folder')).toEqual([])
  })

  it('takes no file whose path leads out of its folder', async () => {
    for (const path of ['../compose.yaml', 'collections/../../x', '/etc/passwd']) {
      const steps = stepsOf({ profile: 'ttk-tests' }, HOST, { testFiles: { [path]: '' } })
      await expect(steps).rejects.toMatchObject({ facts: { code: 'bundle-corrupt', found: path } })
    }
  })

  it('leaves what runs on demand to whoever asks for it', async () => {
    const services = find<ComposeParams>(await stepsOf({ profile: 'ttk-tests' }), 'services')
    expect([...services.services, ...services.jobs]).not.toEqual(expect.arrayContaining(['ttk-tests']))
    expect(services.services).toContain('mojaloop-testing-toolkit')
  })

  it('writes below the deployment’s folder only', async () => {
    for (const { path } of files(await stepsOf())) {
      expect(posix.normalize(path)).toBe(path)
      expect(path.startsWith(`${FOLDER}/`)).toBe(true)
    }
  })

  it('fills the currency in everywhere', async () => {
    const steps = await stepsOf(settings({ currency: 'KES' }), HOST, WITH_CURRENCY)
    expect(find<FileParams>(steps, 'file-central-ledger.json').content).toBe('{"CURRENCY":"KES"}')
    expect(find<{ currency: string }>(steps, 'hub-accounts').currency).toBe('KES')
    const models = find<{ currency: string }>(steps, 'settlement-model')
    expect(models.currency).toBe('KES')
  })

  it('publishes the ports that the site wants, and talks to them itself', async () => {
    const steps = await stepsOf(settings({ ports: { 'central-ledger': 23001, kafka: 29092 } }))
    const { content } = find<FileParams>(steps, 'file-compose.yaml')
    expect(content).toContain('127.0.0.1:23001:3001')
    expect(content).toContain('127.0.0.1:29092:19092')
    expect(find<{ brokers: string[] }>(steps, 'topics').brokers).toEqual(['127.0.0.1:29092'])
    expect(find<{ url: string }>(steps, 'hub-accounts').url).toBe('http://127.0.0.1:23001')
  })

  it('makes Compose restart services when their configuration changes: it does not look into files', async () => {
    const fingerprint = (steps: Step[]) =>
      /org\.mojabox\.config: ['"]?([0-9a-f]*)/.exec(find<FileParams>(steps, 'file-compose.yaml').content)?.[1]
    const usual = fingerprint(await stepsOf())
    expect(usual).toMatch(/^[0-9a-f]{16}$/)
    expect(fingerprint(await stepsOf())).toBe(usual)
    const shillings = fingerprint(await stepsOf(settings({ currency: 'KES' }), HOST, WITH_CURRENCY))
    expect(shillings).not.toBe(fingerprint(await stepsOf({}, HOST, WITH_CURRENCY)))
  })

  it('leaves a Docker alone that the host has', async () => {
    const { bundle } = shippedBundle()
    const steps = await stepsOf({}, { ...HOST, installDocker: false })
    expect(steps.some(({ kind }) => kind === 'packages')).toBe(false)
    const packages = bundle.manifest.artifacts.find(({ kind }) => kind === 'packages')
    const kept = find<{ blobs: { digest: string }[] }>(steps, 'store').blobs.map(({ digest }) => digest)
    expect(kept).not.toContain(packages?.descriptor.digest)
  })

  it('installs by name what the packages artifact says', async () => {
    expect(find(await stepsOf(), 'packages')).toMatchObject({
      distribution: 'debian-13',
      wanted: ['docker.io', 'docker-compose'],
    })
  })

  it('starts what others lean on first, and jobs with the rest', async () => {
    const steps = await stepsOf()
    const backing = find<ComposeParams>(steps, 'backing-services')
    const all = find<ComposeParams>(steps, 'services')
    expect(backing.jobs).toEqual([])
    expect(backing.services.every((name) => all.services.includes(name))).toBe(true)
    expect(all.services.filter((name) => all.jobs.includes(name))).toEqual([])
    expect(all.jobs.length).toBeGreaterThan(0)
  })

  it('names each image once, for the host’s own architecture', async () => {
    const { names, architecture } = find<{ names: string[]; architecture: string }>(await stepsOf(), 'images')
    expect(names.toSorted()).toEqual(IMAGES.toSorted())
    expect(architecture).toBe('amd64')
  })
})

describe('loadDeployment', () => {
  it('keeps manifests and configurations of images in the store, but no layers: they are the runtime’s', async () => {
    const { bundle } = shippedBundle()
    const { keptBlobs, packages } = await loadDeployment(bundle, { ...HOST, profile })
    const kept = new Set(keptBlobs.map(({ digest }) => digest))
    const images = bundle.manifest.artifacts.filter(({ kind }) => kind === 'image')
    for (const { descriptor } of images) {
      const { config, layers } = OciManifest.parse(JSON.parse((await bundle.readBlob(descriptor.digest)).toString()))
      expect([kept.has(descriptor.digest), kept.has(config.digest)]).toEqual([true, true])
      expect(layers.filter(({ digest }) => kept.has(digest))).toEqual([])
    }
    expect(images).toHaveLength(IMAGES.length)
    expect(packages?.blobs.some(({ role }) => role === 'layer')).toBe(true)
  })

  it('keeps the bundle’s own manifest: without it nobody could read the store later', async () => {
    const { bundle } = shippedBundle()
    const { keptBlobs } = await loadDeployment(bundle, { ...HOST, profile })
    expect(keptBlobs.map(({ digest }) => digest)).toContain(bundle.manifest.digest)
  })

  it('keeps nothing of the bundle’s SBOM, which is for people', async () => {
    const { bundle } = shippedBundle()
    const [image] = bundle.manifest.artifacts
    if (image === undefined) throw new Error('no artifact')
    const before = await loadDeployment(bundle, { ...HOST, profile })
    const digest: Digest = `sha256:${'5b'.repeat(32)}`
    const sbom: Artifact = { ...image, kind: 'sbom', name: 'sbom', descriptor: { ...image.descriptor, digest } }
    const manifest = { ...bundle.manifest, artifacts: [...bundle.manifest.artifacts, sbom] }
    const { keptBlobs } = await loadDeployment({ ...bundle, manifest }, { ...HOST, profile })
    expect(keptBlobs).toEqual(before.keptBlobs)
  })

  it('refuses an unknown profile, naming those there are', async () => {
    const { bundle } = shippedBundle()
    await expect(loadDeployment(bundle, { ...HOST, profile: 'everything' })).rejects.toMatchObject({
      facts: { code: 'profile-unknown', kind: 'usage', needed: expect.stringContaining('central-ledger') },
    })
  })

  it('refuses packages that do not say what to install: nothing to do would count as done', async () => {
    const { bundle } = shippedBundle({ install: undefined })
    await expect(loadDeployment(bundle, { ...HOST, profile })).rejects.toMatchObject({ facts: { kind: 'bundle' } })
  })

  it.each([
    ['another distribution', { ...HOST, distribution: 'ubuntu-24.04' }],
    ['another architecture', { ...HOST, architecture: 'arm64' }],
  ])('has no packages for %s', async (_what, host) => {
    const { bundle } = shippedBundle()
    expect((await loadDeployment(bundle, { ...host, profile })).packages).toBeUndefined()
  })

  it.each([
    ['a file of services that is none', { 'services/backing.yaml': 'mysql: [' }],
    [
      'a service without an image',
      { 'services/settlement.yaml': 'central-settlement: { memoryBytes: 1, compose: { build: . } }' },
    ],
    ['a definition that is none', { 'deployment.yaml': 'version: 9' }],
  ])('tells %s as the bundle’s fault', async (_what, changed) => {
    const { bundle } = shippedBundle({ files: changed as Record<string, string> })
    const error = await loadDeployment(bundle, { ...HOST, profile }).catch((thrown) => thrown)
    expect(error).toMatchObject({ facts: { kind: 'bundle' } })
  })
})

describe('planAgent', () => {
  const { bundle } = shippedBundle()
  const steps = planAgent(orderOf(), bundle.manifest)

  it('comes last: the command, the record, the user, the unit, the service', () => {
    expect(steps.map(({ kind }) => kind)).toEqual(['link', 'file', 'user', 'file', 'unit'])
    expect(steps.at(-1)).toMatchObject({ id: 'agent', params: { unit: 'mojabox-agent.service' } })
  })

  it('records what is installed in a file that all may read and that holds no secret', () => {
    const record = find<FileParams>(steps, 'node-state')
    expect(record).toMatchObject({ path: NODE_PATHS.node, mode: 0o644 })
    expect(JSON.parse(record.content)).toMatchObject({
      site: 'kigali',
      host: 'n1',
      profile,
      bundle: bundle.manifest.digest,
    })
    expect(record.content).not.toContain('{{secret')
  })

  it('runs the agent without root, capabilities or a place to write but its reports', () => {
    const { content, mode } = find<FileParams>(steps, 'agent-unit')
    expect(mode).toBe(0o644)
    for (const line of [
      `User=${AGENT_USER}`,
      'NoNewPrivileges=yes',
      'CapabilityBoundingSet=',
      'ProtectSystem=strict',
      'ProtectHome=yes',
      'Restart=always',
      `ExecStart=${NODE_PATHS.executable} agent`,
    ]) {
      expect(content.split('\n')).toContain(line)
    }
    const writable = content.split('\n').filter((line) => line.startsWith('ReadWritePaths='))
    expect(writable).toEqual([`ReadWritePaths=-${NODE_PATHS.reports}`])
  })

  it('hands the agent the secrets that it may read, and no others', async () => {
    const handed = (secrets: Iterable<string>) =>
      find<FileParams>(planAgent(orderOf(), bundle.manifest, secrets), 'agent-unit')
        .content.split('\n')
        .filter((line) => line.includes(NODE_PATHS.secrets))
    expect(handed([])).toEqual([])
    const deployment = await loadDeployment(bundle, { ...HOST, profile: 'payments' })
    const paths = ['jws-mojaboxpayer-key', 'jws-mojaboxpayee-key', 'jws-hub-public'].map(secretPath).join(' ')
    expect(handed(validationKeys(deployment.profile).values())).toEqual([
      `ExecStartPre=+/usr/bin/install -D -m 0400 -o ${AGENT_USER} -g ${AGENT_USER} -t ${NODE_PATHS.agentSecrets} ${paths}`,
    ])
  })

  it('is the same for the same order: a re-run finds nothing to do', () => {
    expect(planAgent(orderOf({ run: 'run-2', desk: 'another@desk' }), bundle.manifest)).toEqual(steps)
  })
})
