import { mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import writeFileAtomic from 'write-file-atomic'
import type { Endpoint, Surroundings } from '../../agent/contract/node-answer.ts'
import { type Environment, environmentOf } from '../../agent/development/environment.ts'
import type { Connection } from '../fleet/connection.ts'
import { openRelay, type Relay } from '../fleet/relay.ts'
import { askNode } from './ask-node.ts'

export interface OpenEnvironment extends Environment {
  /** Of the service that was asked for. */
  image: string | undefined
  close(): void
}

/**
 * The environment of a service (or of anything) at the desk; with `forward`, each port relayed through the connection.
 * @throws MojaboxError of the node, `port-taken`, `service-config`
 */
export async function openEnvironment(
  connection: Connection,
  service: string | undefined,
  options: { forward: boolean; signal: AbortSignal },
): Promise<OpenEnvironment> {
  const surroundings = await askSurroundings(connection, service, options.signal)
  const relays = new Map<string, Relay>()
  const key = ({ service, port }: Endpoint) => `${service}:${port}`
  const close = () => {
    for (const relay of relays.values()) relay.close()
  }
  try {
    for (const endpoint of options.forward ? surroundings.endpoints : []) {
      const to = { host: endpoint.nodeHost, port: endpoint.nodePort }
      relays.set(key(endpoint), await openRelay(connection, to, endpoint.fixed ? endpoint.nodePort : 0))
    }
    const environment = environmentOf(surroundings, (endpoint) => {
      const relay = relays.get(key(endpoint))
      return relay ? { host: '127.0.0.1', port: relay.port } : { host: endpoint.nodeHost, port: endpoint.nodePort }
    })
    return { ...environment, image: surroundings.service?.image, close }
  } catch (error) {
    close()
    throw error
  }
}

async function askSurroundings(
  connection: Connection,
  service: string | undefined,
  signal: AbortSignal,
): Promise<Surroundings> {
  let found: Surroundings | undefined
  const keep = (answer: { type: string }) => {
    if (answer.type === 'surroundings') found = answer as Surroundings
  }
  await askNode(connection, ['surroundings', ...(service === undefined ? [] : [service])], keep, { signal })
  if (found) return found
  throw new Error('the node ended without an answer')
}

/** Writes the configuration beside the site, for this user alone. @returns its path */
export async function keepConfig(folder: string, service: string, content: string): Promise<string> {
  const path = join(folder, '.mojabox', 'env', `${service}.json`)
  await writePrivate(path, content)
  return path
}

/** A file that only this user can read; its folder is made. */
export async function writePrivate(path: string, content: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  await writeFileAtomic(path, content, { mode: 0o600 })
}
