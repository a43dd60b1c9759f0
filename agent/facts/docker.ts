import { access, constants } from 'node:fs/promises'
import { z } from 'zod'
import type { DockerFacts } from '../contract/facts.ts'
import type { RunCommand } from '../contract/step.ts'
import { attempt } from './attempt.ts'
import { type DockerAnswer, getFromDocker } from './docker-socket.ts'
import { isOurs } from './ours.ts'
import { findProgram } from './programs.ts'
import { readText } from './text-file.ts'

const Info = z.object({
  ServerVersion: z.string(),
  Driver: z.string(),
  DriverStatus: z.array(z.array(z.string())).nullish(),
  DockerRootDir: z.string(),
  CgroupDriver: z.string().optional(),
  Containers: z.number().int(),
  ContainersRunning: z.number().int(),
  HttpProxy: z.string().optional(),
  HttpsProxy: z.string().optional(),
  NoProxy: z.string().optional(),
})
type Info = z.infer<typeof Info>

const Container = z.object({
  Names: z.array(z.string()),
  State: z.string(),
  Labels: z.record(z.string(), z.string()).nullish(),
  Ports: z
    .array(z.object({ IP: z.string().optional(), PublicPort: z.number().optional(), Type: z.string() }))
    .nullish(),
})
const Containers = z.array(Container)

/** A port that a running container publishes. */
export interface PublishedPort {
  address: string
  port: number
  container: string
  project: string | null
}

const COMPOSE_LIMIT_MS = 5_000

export interface DockerState {
  facts: DockerFacts | null
  published: PublishedPort[]
  proxy: Record<string, string>
}

/** The Docker of this machine: asked over its socket, so that no client is needed. */
export async function collectDocker(run: RunCommand): Promise<DockerState> {
  const client = findProgram('docker')
  const [daemon, info, containers, podman, composeVersion] = await Promise.all([
    findProgram('dockerd', ['/snap/bin', '/snap/docker/current/bin']),
    getFromDocker('/info').catch(toError),
    getFromDocker('/containers/json?all=1').catch(toError),
    client.then((path) => path !== null && attempt(() => isPodman(path), false)),
    // Its plugin takes the longest of all to start.
    client.then((path) => (path === null ? null : attempt(() => readCompose(run), null, COMPOSE_LIMIT_MS))),
  ])
  const answered = !(info instanceof Error)
  if (!(await client) && !daemon && !answered) return { facts: null, published: [], proxy: {} }
  const list = containers instanceof Error ? null : Containers.safeParse(containers.body).data
  const parsed = answered ? Info.safeParse(info.body).data : undefined
  if (answered && parsed) return describeRunning(info, parsed, list ?? null, podman, composeVersion)
  const facts: DockerFacts = {
    ...NOTHING_KNOWN,
    installed: daemon !== null,
    running: info instanceof Error && isNobodyThere(info) ? false : null,
    serverVersion: daemon ? await attempt(() => readDaemonVersion(daemon, run), null) : null,
    composeVersion,
    podman,
  }
  return { facts, published: [], proxy: {} }
}

const NOTHING_KNOWN: DockerFacts = {
  installed: true,
  running: null,
  serverVersion: null,
  apiVersion: null,
  storageDriver: null,
  imageStore: null,
  rootDir: null,
  cgroupDriver: null,
  composeVersion: null,
  containers: null,
  podman: false,
}

/** When asking took too long: a Docker that may be there must not be taken for none. */
export const UNKNOWN_DOCKER: DockerState = { facts: NOTHING_KNOWN, published: [], proxy: {} }

function describeRunning(
  answer: DockerAnswer,
  info: Info,
  list: z.infer<typeof Containers> | null,
  podman: boolean,
  composeVersion: string | null,
): DockerState {
  const published = publishedPorts(list ?? [])
  const ours = (list ?? []).filter((container) => isOurs(nameOf(container), projectOf(container)))
  const facts: DockerFacts = {
    installed: true,
    running: true,
    serverVersion: info.ServerVersion,
    apiVersion: answer.apiVersion,
    storageDriver: info.Driver,
    imageStore: imageStoreOf(info.DriverStatus ?? []),
    rootDir: info.DockerRootDir,
    cgroupDriver: info.CgroupDriver ?? null,
    composeVersion,
    containers: {
      total: info.Containers,
      running: info.ContainersRunning,
      ours: ours.length,
      oursRunning: ours.filter((container) => container.State === 'running').length,
    },
    podman,
  }
  const proxy = { http_proxy: info.HttpProxy, https_proxy: info.HttpsProxy, no_proxy: info.NoProxy }
  const set = Object.entries(proxy).filter((entry): entry is [string, string] => Boolean(entry[1]))
  return { facts, published, proxy: Object.fromEntries(set) }
}

/** Where the daemon keeps images: in containerd's content store, or in its own as of old. */
export function imageStoreOf(driverStatus: readonly string[][]): 'classic' | 'containerd' {
  const inContainerd = driverStatus.some(([key, value]) => key === 'driver-type' && value?.startsWith('io.containerd.'))
  return inContainerd ? 'containerd' : 'classic'
}

/** The TCP ports that running containers publish on this machine. */
export function publishedPorts(list: z.infer<typeof Containers>): PublishedPort[] {
  return list.flatMap((container) =>
    (container.Ports ?? []).flatMap((port) =>
      port.PublicPort !== undefined && port.Type === 'tcp'
        ? [
            {
              address: port.IP ?? '0.0.0.0',
              port: port.PublicPort,
              container: nameOf(container),
              project: projectOf(container),
            },
          ]
        : [],
    ),
  )
}

function nameOf(container: z.infer<typeof Container>): string {
  return (container.Names[0] ?? '').replace(/^\//, '')
}

function projectOf(container: z.infer<typeof Container>): string | null {
  return container.Labels?.['com.docker.compose.project'] ?? null
}

async function readCompose(run: RunCommand): Promise<string | null> {
  const { stdout } = await run(['docker', 'compose', 'version', '--short'], { timeoutMs: COMPOSE_LIMIT_MS })
  return /\d+\.\d+[\w.+~-]*/.exec(stdout)?.[0] ?? null
}

async function readDaemonVersion(daemon: string, run: RunCommand): Promise<string | null> {
  const { stdout } = await run([daemon, '--version'], { timeoutMs: COMPOSE_LIMIT_MS })
  return parseDaemonVersion(stdout)
}

/** `Docker version 26.1.5+dfsg1, build a72d7cd` → `26.1.5+dfsg1`. */
export function parseDaemonVersion(text: string): string | null {
  return /version (\S+?),? /.exec(`${text.trim()} `)?.[1] ?? null
}

/** podman-docker puts a short script in the client's place. */
async function isPodman(client: string): Promise<boolean> {
  await access('/usr/bin/podman', constants.X_OK)
  const text = await readText(client)
  return text?.startsWith('#!') === true && text.includes('podman')
}

function toError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}

function isNobodyThere(error: NodeJS.ErrnoException): boolean {
  return error.code === 'ENOENT' || error.code === 'ECONNREFUSED'
}
