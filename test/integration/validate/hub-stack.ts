import { generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto'
import { chmod, chown, cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parse, stringify } from 'yaml'
import type { StepHandler } from '../../../agent/contract/step.ts'
import { parseDefinition, profileOf } from '../../../agent/deployments/core-test-harness/definition.ts'
import { hubAccounts } from '../../../agent/engine/steps/hub-accounts.ts'
import { participant } from '../../../agent/engine/steps/participant.ts'
import { settlementModel } from '../../../agent/engine/steps/settlement-model.ts'
import { topics } from '../../../agent/engine/steps/topics.ts'
import { createRunCommand } from '../../../agent/runtimes/command.ts'
import { type ValidateOptions, validate } from '../../../agent/validate/validate.ts'
import { labRegistry } from '../../lab/registry.ts'
import { stepContext } from '../../unit/ledger/step-context.ts'
import { dfspCompose, RC_FILES, withDfspServices } from './dfsp-services.ts'

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
  /** Also the services that answer DFSPs, by a Compose file of the tests' own. */
  dfsps?: boolean
}

/** The shipped compose.yaml and deployment.yaml as they are, with the lab's images, on free ports of this machine. */
export class HubStack {
  static readonly project = 'mojabox-trial-validate'
  readonly definition
  readonly profile
  ports: Record<string, number> = {}
  readonly signingKeys = new Map<string, KeyObject>()
  private folder = ''
  private readonly compose: string[]
  private readonly files = ['compose.yaml', 'lab.yaml']

  private constructor(compose: string[], definitionText: string, { dfsps = false }: HubStackOptions) {
    this.compose = compose
    this.definition = parseDefinition(definitionText)
    const shipped = profileOf(this.definition, 'central-ledger')
    this.profile = dfsps ? withDfspServices(shipped) : shipped
    this.definition.profiles['central-ledger'] = this.profile
    if (dfsps) this.files.push('dfsps.yaml')
  }

  static async start(compose: string[], options: HubStackOptions = {}): Promise<HubStack> {
    const stack = new HubStack(compose, await readFile(join(bundle, 'deployment.yaml'), 'utf8'), options)
    await stack.render()
    await stack.up(...stack.profile.backing)
    return stack
  }

  async up(...services: string[]): Promise<void> {
    await this.composed(['up', '--detach', '--wait', ...services])
  }

  async composed(argv: string[]): Promise<void> {
    const files = this.files.flatMap((name) => ['-f', join(this.folder, name)])
    const project = ['--project-name', HubStack.project, '--project-directory', this.folder]
    await run([...this.compose, ...project, ...files, '--profile', 'central-ledger', ...argv], { timeoutMs: 300_000 })
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
    const { hubAccounts: accounts, settlementModel: model, fundsIn, participants } = this.profile.provisioning
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
      profile: 'central-ledger',
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
    await this.composed(['--profile', 'sdk', 'down', '--volumes', '--timeout', '2'])
    await rm(this.folder, { recursive: true, force: true })
  }

  private async render(): Promise<void> {
    this.folder = await mkdtemp(join(tmpdir(), 'mojabox-hub-'))
    await chmod(this.folder, 0o755)
    await cp(join(bundle, this.definition.compose), join(this.folder, 'compose.yaml'))
    const secrets = new Map<string, string>()
    for (const [name, { bytes }] of Object.entries(this.definition.secrets)) {
      secrets.set(name, randomBytes(bytes).toString('base64url'))
      await writeFile(join(this.folder, name), secrets.get(name) ?? '', { mode: 0o600 })
    }
    for (const { file, path, uid, mode } of this.definition.configs) {
      const text = await readFile(join(bundle, file), 'utf8')
      const target = join(this.folder, path)
      await writeFile(
        target,
        text.replace(/\{\{secret:([a-z-]+)\}\}/g, (_, name: string) => secrets.get(name) ?? ''),
      )
      await chmod(target, Number.parseInt(mode, 8))
      await chown(target, uid, uid)
    }
    const variables = [`MOJABOX_DIR=${this.folder}`, `MOJABOX_SECRETS=${this.folder}`]
    for (const [name, { variable }] of Object.entries(this.definition.ports)) {
      this.ports[name] = await freePort()
      variables.push(`${variable}=${this.ports[name]}`)
    }
    await writeFile(join(this.folder, '.env'), `${variables.join('\n')}\n`)
    await writeFile(join(this.folder, 'lab.yaml'), await this.labImages())
    if (!this.files.includes('dfsps.yaml')) return
    this.ports.callbacks = await freePort()
    await this.makeKeys('Hub', ...this.profile.provisioning.participants.map(({ name }) => name))
    for (const [name, content] of Object.entries(RC_FILES)) {
      await writeFile(join(this.folder, name), JSON.stringify(content), { mode: 0o644 })
    }
    await writeFile(join(this.folder, 'dfsps.yaml'), stringify(dfspCompose(labRegistry.address, this.folder)))
  }

  /** Of whoever signs: the public ones in a folder by name, as the services look for them; the private ones below it. */
  private async makeKeys(...names: string[]): Promise<void> {
    await mkdir(join(this.folder, 'keys/private'), { recursive: true })
    for (const name of names) {
      const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
      this.signingKeys.set(name, name === 'Hub' ? publicKey : privateKey)
      await writeFile(join(this.folder, `keys/${name}.pem`), publicKey.export({ type: 'spki', format: 'pem' }))
      await writeFile(
        join(this.folder, `keys/private/${name}.key`),
        privateKey.export({ type: 'pkcs8', format: 'pem' }),
      )
    }
  }

  private async labImages(): Promise<string> {
    const { services } = parse(await readFile(join(bundle, 'compose.yaml'), 'utf8'), { merge: true }) as {
      services: Record<string, { image: string }>
    }
    const images = Object.entries(services).map(([name, { image }]) => [
      name,
      { image: image.replace(/^docker\.io/, labRegistry.address) },
    ])
    return stringify({ services: Object.fromEntries(images), networks: { default: { name: HubStack.project } } })
  }
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}
