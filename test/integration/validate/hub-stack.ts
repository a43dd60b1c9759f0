import { generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto'
import { chmod, chown, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { stringify } from 'yaml'
import type { StepHandler } from '../../../agent/contract/step.ts'
import { composeLayers } from '../../../agent/deployments/core-test-harness/compose-file.ts'
import { type Definition, HUB, readDefinition } from '../../../agent/deployments/core-test-harness/definition.ts'
import { mergeLayers } from '../../../agent/deployments/core-test-harness/layers.ts'
import { configsOf, type Profile, profileOf } from '../../../agent/deployments/core-test-harness/profile.ts'
import { keyPairOf } from '../../../agent/deployments/core-test-harness/signers.ts'
import { hubAccounts } from '../../../agent/engine/steps/hub-accounts.ts'
import { participant } from '../../../agent/engine/steps/participant.ts'
import { settlementModel } from '../../../agent/engine/steps/settlement-model.ts'
import { topics } from '../../../agent/engine/steps/topics.ts'
import { createRunCommand } from '../../../agent/runtimes/command.ts'
import { type ValidateOptions, validate } from '../../../agent/validate/validate.ts'
import { labRegistry } from '../../lab/registry.ts'
import { waitFor } from '../../lab/wait.ts'
import { stepContext } from '../../unit/ledger/step-context.ts'
import { checking, keysLayer } from './dfsp-services.ts'

const bundle = fileURLToPath(new URL('../../../bundles/core-test-harness/', import.meta.url))
const signal = new AbortController().signal
const run = createRunCommand(signal)

/** Compose v2: `MOJABOX_COMPOSE` (a path) or docker's plugin; undefined when there is neither. */
export async function findCompose(): Promise<string[] | undefined> {
  const given = process.env.MOJABOX_COMPOSE
  for (const argv of [...(given ? [[given]] : []), ['docker', 'compose']]) {
    const works = await run([...argv, 'version', '--short']).then(
      () => true,
      () => false,
    )
    if (works) return argv
  }
  return undefined
}

export interface HubStackOptions {
  /** Makes one more profile of the shipped ones. */
  own?: (shipped: Definition['profiles']) => Definition['profiles'][string]
  /** The hub also checks what DFSPs sign. */
  checksSignatures?: boolean
}

/** The shipped deployment as it is, with the lab's images, on free ports of this machine. */
export class HubStack {
  static readonly project = 'mojabox-trial-validate'
  readonly definition: Definition
  readonly profile: Profile
  ports: Record<string, number> = {}
  /** Of whoever signs, by name. */
  readonly signingKeys = new Map<string, KeyObject>()
  private folder = ''
  private readonly compose: string[]

  private readonly checksSignatures: boolean

  private constructor(compose: string[], definition: Definition, profile: string, checksSignatures: boolean) {
    this.compose = compose
    this.checksSignatures = checksSignatures
    this.definition = definition
    this.profile = profileOf(definition, profile)
  }

  /** The shipped profile of that name, or one of the test's own. */
  static async start(
    compose: string[],
    profile = 'central-ledger',
    { own, checksSignatures = false }: HubStackOptions = {},
  ): Promise<HubStack> {
    const { definition } = await readDefinition((path) => readFile(join(bundle, path), 'utf8'))
    if (own) definition.profiles[profile] = own(definition.profiles)
    const stack = new HubStack(compose, definition, profile, checksSignatures)
    await stack.render()
    // A run that was ended half-way leaves its volumes, and MySQL keeps the password that it was made with.
    await stack.down()
    await stack.up(...stack.profile.backing)
    return stack
  }

  /** Not by Compose's own `--wait`: that gives up on a service that was not well when it looked, and is about to be. */
  async up(...services: string[]): Promise<void> {
    await this.composed(['up', '--detach', ...services])
    await waitFor('every service to be well', async () => (await this.unwell()).length === 0, {
      timeoutMs: 120_000,
    }).catch(async (error: Error) => {
      throw new Error(`${error.message}\n${await this.saidByUnwell()}`, { cause: error })
    })
  }

  private async unwell(): Promise<string[]> {
    const project = ['--filter', `label=com.docker.compose.project=${HubStack.project}`]
    const listed = ['starting', 'unhealthy'].map((health) =>
      run(['docker', 'ps', '--quiet', ...project, '--filter', `health=${health}`]),
    )
    return (await Promise.all(listed)).flatMap(({ stdout }) => stdout.split('\n').filter(Boolean))
  }

  /** What each of them last said, and what its health check did: a run elsewhere leaves nothing else to look at. */
  private async saidByUnwell(): Promise<string> {
    const about = (await this.unwell()).map(async (id) => {
      const state = await run(['docker', 'inspect', '--format', '{{.Name}} {{json .State}}', id])
      const logs = await run(['docker', 'logs', '--tail', '20', id])
      return [state.stdout, logs.stdout, logs.stderr].join('\n')
    })
    return (await Promise.all(about)).join('\n')
  }

  async composed(argv: string[]): Promise<void> {
    const project = ['--project-name', HubStack.project, '--project-directory', this.folder]
    await run([...this.compose, ...project, '-f', join(this.folder, 'compose.yaml'), ...argv], { timeoutMs: 300_000 })
  }

  /** `docker stop kafka` and the like. */
  async docker(verb: string, service: string): Promise<void> {
    await run(['docker', verb, `${HubStack.project}-${service}-1`])
  }

  /** Runs the provisioning steps; returns those that had something to do. */
  async provision(): Promise<string[]> {
    const url = `http://127.0.0.1:${this.ports['central-ledger']}`
    const brokers = [`127.0.0.1:${this.ports.kafka}`]
    const currency = 'USD'
    const { hubAccounts: accounts, settlementModel: model, fundsIn, participants } = this.definition.provisioning
    const context = stepContext()
    const did: string[] = []
    const step = async <P>(handler: StepHandler<P>, params: P) => {
      if (await handler.isDone(context, params)) return
      await handler.apply(context, params)
      if (!(await handler.isDone(context, params)))
        throw new Error(`${handler.describe(params)} is not done after it was applied`)
      did.push(handler.describe(params))
    }
    await step(topics, { brokers, topics: this.profile.topics })
    await this.up()
    await step(hubAccounts, { url, currency, accounts })
    await step(settlementModel, { url, currency, model })
    for (const dfsp of participants)
      await step(participant, { url, currency, ...dfsp, fundsIn: { brokers, ...fundsIn } })
    return did
  }

  validate(more: Partial<ValidateOptions> = {}) {
    const { definition, ports } = this
    const { project } = HubStack
    return validate({
      definition,
      profile: this.profile.name,
      currency: 'USD',
      ports,
      signingKeys: this.signingKeys,
      project,
      levels: [],
      run,
      signal,
      ...more,
    })
  }

  async remove(): Promise<void> {
    await this.down()
    await rm(this.folder, { recursive: true, force: true })
  }

  private async down(): Promise<void> {
    await this.composed(['--profile', 'sdk', 'down', '--volumes', '--timeout', '2'])
  }

  private async render(): Promise<void> {
    this.folder = await mkdtemp(join(tmpdir(), 'mojabox-hub-'))
    await chmod(this.folder, 0o755)
    const secrets = new Map<string, string>()
    for (const [name, { bytes }] of Object.entries(this.definition.secrets)) {
      secrets.set(name, randomBytes(bytes).toString('base64url'))
      await writeFile(join(this.folder, name), secrets.get(name) ?? '', { mode: 0o600 })
    }
    const hub = await this.makeKeys(HUB, ...this.definition.provisioning.participants.map(({ name }) => name))
    secrets.set(`${keyPairOf(HUB)}-key`, hub)
    for (const { file, path, uid, mode } of configsOf(this.definition, this.profile)) {
      const shipped = await readFile(join(bundle, file), 'utf8')
      const text = this.checksSignatures ? checking(path, shipped) : shipped
      const target = join(this.folder, path)
      await writeFile(
        target,
        text.replace(/\{\{secret:([a-z-]+)\}\}/g, (_, name: string) => secrets.get(name) ?? ''),
      )
      await chmod(target, Number.parseInt(mode, 8))
      await chown(target, uid, uid)
    }
    for (const name of Object.keys(this.definition.ports)) this.ports[name] = await freePort()
    this.ports.callbacks = await freePort()
    await writeFile(join(this.folder, 'compose.yaml'), stringify(this.composeFile()))
  }

  /**
   * The public ones in a folder by name, as the services look for them; the private ones below it.
   * @returns the private one of the first name
   */
  private async makeKeys(...names: string[]): Promise<string> {
    await mkdir(join(this.folder, 'keys/private'), { recursive: true })
    const texts: string[] = []
    for (const name of names) {
      const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
      this.signingKeys.set(name, name === HUB ? publicKey : privateKey)
      await writeFile(join(this.folder, `keys/${name}.pem`), publicKey.export({ type: 'spki', format: 'pem' }))
      const own = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
      await writeFile(join(this.folder, `keys/private/${name}.key`), own)
      texts.push(own)
    }
    return texts[0] ?? ''
  }

  private composeFile() {
    const { definition, profile, folder, checksSignatures } = this
    const layers = composeLayers({
      definition,
      profile,
      currency: 'USD',
      ports: new Map(Object.entries(this.ports)),
      folder,
      secretsFolder: folder,
      configDigests: new Map(),
    })
    const images = profile.services.map((name) => {
      const image = definition.services[name]?.compose.image?.replace(/^docker\.io/, labRegistry.address)
      return [name, { image }]
    })
    const lab = { services: Object.fromEntries(images), networks: { default: { name: HubStack.project } } }
    const keys = checksSignatures ? [{ origin: 'keys', tree: keysLayer(labRegistry.address, folder) }] : []
    return mergeLayers([...layers, { origin: 'lab', tree: lab }, ...keys]).tree
  }
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}
