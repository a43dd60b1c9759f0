import { z } from 'zod'
import { MojaboxError } from '../../bundles/format/error.ts'
import { nearestNames } from '../../bundles/format/nearest.ts'
import type { RunCommand } from '../contract/step.ts'
import { PROJECT } from '../runtimes/compose.ts'

const Inspected = z.array(
  z.object({
    Id: z.string(),
    Name: z.string(),
    State: z.object({ Status: z.string() }),
    Config: z.object({
      Image: z.string(),
      User: z.string().default(''),
      Env: z.array(z.string()).nullish(),
      Labels: z.record(z.string(), z.string()).nullish(),
    }),
    Mounts: z.array(z.object({ Source: z.string().default(''), Destination: z.string() })).default([]),
    NetworkSettings: z.object({
      Networks: z.record(z.string(), z.object({ IPAddress: z.string() })).nullish(),
      Ports: z.record(z.string(), z.array(z.object({ HostIp: z.string(), HostPort: z.string() })).nullish()).nullish(),
    }),
  }),
)

/** A service of the hub as its container is now. */
export interface Service {
  name: string
  container: string
  id: string
  /** `running`, `exited`, `paused`, `restarting`, `created`, `dead` */
  state: string
  image: string
  user: string
  environment: Record<string, string>
  /** Folders and files of the node inside the container: source by destination. */
  mounts: Map<string, string>
  /** On the hub's network; undefined while it does not run. */
  address: string | undefined
  /** Loopback port of the node by port of the container. */
  published: Map<number, number>
}

/** Every service of the hub, by name; what was run once beside them (`compose run`) is left out. */
export async function listServices(run: RunCommand): Promise<Service[]> {
  const label = 'com.docker.compose'
  const filters = [`label=${label}.project=${PROJECT}`, `label=${label}.oneoff=False`]
  const argv = ['docker', 'ps', '--all', '--quiet', '--no-trunc', ...filters.flatMap((text) => ['--filter', text])]
  const ids = (await run(argv)).stdout.split('\n').filter(Boolean)
  if (ids.length === 0) return []
  const { stdout } = await run(['docker', 'inspect', '--type', 'container', ...ids])
  const services = Inspected.parse(JSON.parse(stdout)).map((found): Service => {
    const { Networks, Ports } = found.NetworkSettings
    return {
      name: found.Config.Labels?.[`${label}.service`] ?? '',
      container: found.Name.replace(/^\//, ''),
      id: found.Id,
      state: found.State.Status,
      image: found.Config.Image,
      user: found.Config.User,
      environment: Object.fromEntries((found.Config.Env ?? []).map(assignment)),
      mounts: new Map(found.Mounts.map(({ Source, Destination }) => [Destination, Source])),
      address: Object.values(Networks ?? {}).find(({ IPAddress }) => IPAddress !== '')?.IPAddress,
      published: new Map(
        Object.entries(Ports ?? {}).flatMap(([port, bindings]) =>
          (bindings ?? []).map(({ HostPort }) => [Number.parseInt(port, 10), Number(HostPort)] as const),
        ),
      ),
    }
  })
  return services.sort((left, right) => (left.name < right.name ? -1 : 1))
}

/** @throws MojaboxError `service-unknown`, with the nearest names */
export function requireService(services: readonly Service[], name: string): Service {
  const found = services.find((service) => service.name === name)
  if (found) return found
  const names = services.map((service) => service.name)
  const [nearest, ...others] = nearestNames(name, names)
  throw new MojaboxError({
    code: 'service-unknown',
    kind: 'usage',
    message: `the hub has no service ${name}`,
    found: name,
    needed: names.length > 0 ? `one of ${names.join(', ')}` : 'a hub with services; here is none',
    next: nearest
      ? `did you mean ${[nearest, ...others].join(' or ')}? Then run the same command with that name`
      : 'mojabox status',
  })
}

/** @throws MojaboxError `service-not-running` */
export function requireRunning(service: Service): Service {
  if (service.state === 'running') return service
  throw new MojaboxError({
    code: 'service-not-running',
    kind: 'check',
    message: `${service.name} does not run`,
    found: service.state,
    needed: 'a running service',
    next: `mojabox logs ${service.name}`,
  })
}

function assignment(text: string): [string, string] {
  const at = text.indexOf('=')
  return [text.slice(0, at), text.slice(at + 1)]
}
