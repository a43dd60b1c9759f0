import { readFile } from 'node:fs/promises'
import { MojaboxError } from '../../bundles/format/error.ts'
import type { Endpoint, Surroundings } from '../contract/node-answer.ts'
import type { RunCommand } from '../contract/step.ts'
import { BACKING } from './backing.ts'
import { listServices, requireService, type Service } from './services.ts'

/** Where the images of the harness look for their configuration, beside rc's /etc/<NAME>rc. */
const CONFIG_PATH = /^\/etc\/[A-Z_]+rc$|\/(dist\/)?config\/default\.json$/

/**
 * What the hub's services work with, as it is on this node now; with a name, that service's configuration too.
 * @throws MojaboxError `service-unknown`, `backing-service-down`
 */
export async function readSurroundings(run: RunCommand, name: string | undefined): Promise<Surroundings> {
  const services = await listServices(run)
  const service = name === undefined ? undefined : requireService(services, name)
  const down = services.filter((each) => each.name in BACKING && each.address === undefined)
  if (services.length === 0 || down.length > 0) throw backingDown(down)
  return {
    type: 'surroundings',
    endpoints: services.flatMap(endpointsOf),
    logins: (await Promise.all(services.map(loginOf))).flat(),
    service: service ? { name: service.name, image: service.image, config: await configOf(service) } : null,
  }
}

/** Ports that are published, and those of backing services: the node reaches its containers by their own address. */
export function endpointsOf(service: Service): Endpoint[] {
  const backing = BACKING[service.name]
  const ports = new Set([...service.published.keys(), ...(backing ? [backing.port] : [])])
  return [...ports].flatMap((port) => {
    const published = service.published.get(port)
    const nodeHost = published === undefined ? service.address : '127.0.0.1'
    if (nodeHost === undefined) return []
    const fixed = backing?.kind === 'kafka' && port === backing.port
    return [{ service: service.name, port, nodeHost, nodePort: published ?? port, fixed }]
  })
}

async function loginOf(service: Service): Promise<Surroundings['logins']> {
  const { MYSQL_USER: user, MYSQL_DATABASE: database, MYSQL_PASSWORD, MYSQL_PASSWORD_FILE } = service.environment
  if (user === undefined || database === undefined) return []
  const file = MYSQL_PASSWORD_FILE && service.mounts.get(MYSQL_PASSWORD_FILE)
  const password = file ? (await readFile(file, 'utf8')).trimEnd() : (MYSQL_PASSWORD ?? '')
  return [{ service: service.name, user, password, database: database.split(/[\s,]+/)[0] ?? database }]
}

async function configOf(service: Service): Promise<string | null> {
  const [found] = [...service.mounts].filter(([destination]) => CONFIG_PATH.test(destination))
  return found ? readFile(found[1], 'utf8') : null
}

function backingDown(down: Service[]): MojaboxError {
  return new MojaboxError({
    code: 'backing-service-down',
    kind: 'check',
    message: 'the hub’s backing services do not run',
    found: down.map(({ name, state }) => `${name} ${state}`).join(', ') || 'no services',
    needed: 'databases, Kafka and caches that run',
    next: 'mojabox install   (it starts what does not run)',
  })
}
