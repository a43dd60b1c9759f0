import pRetry from 'p-retry'
import { z } from 'zod'
import { factsOf } from '../../bundles/format/error.ts'
import type { RunCommand } from '../contract/step.ts'

const Inspected = z.array(
  z.object({
    Id: z.string(),
    Name: z.string(),
    State: z.object({ Status: z.string(), ExitCode: z.number() }),
    Config: z.object({ Labels: z.record(z.string(), z.string()).nullish() }),
    NetworkSettings: z.object({
      Networks: z.record(z.string(), z.object({ IPAddress: z.string(), Gateway: z.string().optional() })).nullish(),
    }),
  }),
)

export interface Container {
  id: string
  name: string
  /** The Compose service. */
  service: string
  /** `running`, `paused`, `restarting`, `exited`, `created`, `dead` */
  state: string
  exitCode: number
  /** On the Compose network; undefined while it does not run. */
  address: string | undefined
  /** This machine's own address on that network. */
  gateway: string | undefined
}

/** The containers of a Compose project, running or not, without those that `compose run` made for once. @throws MojaboxError `command-failed` when Docker does not answer */
export async function listContainers(run: RunCommand, project: string): Promise<Container[]> {
  // A container that goes between the two questions fails the second; a busy Docker may be late with either.
  return pRetry(() => lookOnce(run, project), {
    retries: 1,
    minTimeout: 500,
    shouldRetry: ({ error }) => factsOf(error).code === 'command-failed',
  })
}

async function lookOnce(run: RunCommand, project: string): Promise<Container[]> {
  const label = 'label=com.docker.compose'
  const filters = ['--filter', `${label}.project=${project}`, '--filter', `${label}.oneoff=False`]
  const listed = await run(['docker', 'ps', '--all', '--quiet', '--no-trunc', ...filters], { timeoutMs: 10_000 })
  const ids = listed.stdout.split('\n').filter((line) => line !== '')
  if (ids.length === 0) return []
  const { stdout } = await run(['docker', 'inspect', ...ids], { timeoutMs: 10_000 })
  return Inspected.parse(JSON.parse(stdout)).map((found) => {
    const networks = Object.values(found.NetworkSettings.Networks ?? {})
    const network = networks.find(({ IPAddress }) => IPAddress !== '')
    return {
      id: found.Id,
      name: found.Name.replace(/^\//, ''),
      service: found.Config.Labels?.['com.docker.compose.service'] ?? '',
      state: found.State.Status,
      exitCode: found.State.ExitCode,
      address: network?.IPAddress,
      gateway: network?.Gateway || undefined,
    }
  })
}
