import { stat } from 'node:fs/promises'
import { factsOf } from '../../bundles/format/error.ts'
import type { RunCommand } from '../contract/step.ts'

/** The Compose project of every hub that mojabox runs; its containers' names begin with it. */
export const PROJECT = 'mojabox'

export interface ComposeContainer {
  name: string
  service: string
  /** `running`, `exited`, `restarting`, `created`, `paused`, `dead` */
  state: string
  /** `healthy`, `unhealthy`, `starting`, or empty where the service has no health check. */
  health: string
  exitCode: number
  image: string
}

export interface MadeContainer extends ComposeContainer {
  /** Of what it was made from: Compose's own, as `wantedHashes` has them. */
  hash: string
}

export function composeArgv(folder: string, ...rest: string[]): string[] {
  return [
    'docker',
    'compose',
    '--project-name',
    PROJECT,
    '--project-directory',
    folder,
    '-f',
    `${folder}/compose.yaml`,
    ...rest,
  ]
}

/** The project's containers, running or not; what `compose run` made for once is none of them. */
export async function listContainers(run: RunCommand): Promise<MadeContainer[]> {
  const label = 'com.docker.compose'
  const of = (name: string) => `{{.Label "${label}.${name}"}}`
  const fields = ['{{.Names}}', of('service'), '{{.State}}', '{{.Status}}', '{{.Image}}', of('config-hash')]
  const filters = [`label=${label}.project=${PROJECT}`, `label=${label}.oneoff=False`].flatMap((filter) => [
    '--filter',
    filter,
  ])
  const argv = ['docker', 'ps', '-a', '--no-trunc', ...filters, '--format', fields.join('\t')]
  const { stdout } = await run(argv)
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [name = '', service = '', state = '', status = '', image = '', hash = ''] = line.split('\t')
      return { name, service, state, ...readStatus(status), image, hash }
    })
}

/** Of these, by name, those that Docker is to start again whenever they end: services, and no jobs that run once. */
export async function restartedContainers(run: RunCommand, names: string[]): Promise<Set<string>> {
  if (names.length === 0) return new Set()
  const format = '{{.Name}}\t{{.HostConfig.RestartPolicy.Name}}'
  const { stdout } = await run(['docker', 'inspect', '--format', format, ...names], { okCodes: [0, 1] })
  const rows = stdout.split('\n').map((row) => row.replace(/^\//, '').split('\t'))
  return new Set(rows.filter(([, policy = '']) => isRestarted(policy)).map(([name = '']) => name))
}

/** Whether Docker starts a container with this restart policy again when it ends well. */
export function isRestarted(policy: string): boolean {
  return policy === 'always' || policy === 'unless-stopped'
}

/** What Docker's words for people (`Up 2 minutes (healthy)`, `Exited (1) now`) say. */
export function readStatus(status: string): Pick<ComposeContainer, 'health' | 'exitCode'> {
  return {
    health: /\((?:health: )?(healthy|unhealthy|starting)\)/.exec(status)?.[1] ?? '',
    exitCode: Number(/Exited \((\d+)\)/.exec(status)?.[1] ?? 0),
  }
}

/** The project's volumes: the hub's data. */
export async function listVolumes(run: RunCommand): Promise<string[]> {
  const filter = `label=com.docker.compose.project=${PROJECT}`
  const { stdout } = await run(['docker', 'volume', 'ls', '--quiet', '--filter', filter])
  return stdout.split('\n').filter(Boolean)
}

/** False where there is no Docker, or none that answers. */
export async function dockerAnswers(run: RunCommand): Promise<boolean> {
  return run(['docker', 'version', '--format', '{{.Server.Version}}']).then(
    () => true,
    () => false,
  )
}

/** Names of all containers that were made from one of these images (IDs), running or not. */
export async function containersOf(run: RunCommand, imageIds: string[]): Promise<string[]> {
  const { stdout } = await run(['docker', 'ps', '--all', '--quiet', '--no-trunc'])
  const ids = stdout.split('\n').filter(Boolean)
  if (ids.length === 0) return []
  const inspected = await run(['docker', 'inspect', '--format', 'container {{.Name}}\t{{.Image}}', ...ids])
  const rows = inspected.stdout.split('\n').map((row) => row.split('\t'))
  return rows.filter(([, image = '']) => imageIds.includes(image)).map(([name = '']) => name.replace(' /', ' '))
}

/** False where there is no Docker at all; one that is stopped is there. */
export async function dockerIsThere(run: RunCommand): Promise<boolean> {
  return run(['docker', '--version']).then(
    () => true,
    (error) => factsOf(error).code !== 'command-missing',
  )
}

/** The last answer: Compose takes a tenth of a second, and several steps of a run ask for the same. */
let lastHashes: { of: string; hashes: Promise<Map<string, string>> } | undefined

/** What each service of the project should be (Compose's own hash), by service. */
export async function wantedHashes(run: RunCommand, folder: string): Promise<Map<string, string>> {
  const file = await stat(`${folder}/compose.yaml`, { bigint: true }).catch(() => undefined)
  const of = file && `${folder} ${file.ino} ${file.size} ${file.ctimeNs}`
  if (of !== undefined && lastHashes?.of === of) return lastHashes.hashes
  const hashes = run(composeArgv(folder, 'config', '--hash', '*')).then(({ stdout }) => pairs(stdout, ' '))
  lastHashes = of === undefined ? undefined : { of, hashes }
  hashes.catch(() => (lastHashes = undefined))
  return hashes
}

function pairs(text: string, separator: string): Map<string, string> {
  const rows = text.split('\n').filter((line) => line.includes(separator))
  return new Map(rows.map((line) => line.trim().split(separator) as [string, string]))
}
