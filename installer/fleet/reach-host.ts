import type { Secrets } from '../site/secret.ts'
import { type Host, LOCAL } from '../site/site.ts'
import type { Connection } from './connection.ts'
import { elevated } from './elevate.ts'
import { connectLocal } from './local-connection.ts'
import { connectSsh, type SshOptions } from './ssh-connection.ts'

/**
 * A host of the site as root: connected over SSH or here, elevated, with the site's references resolved.
 * @throws MojaboxError kind host (see `connectSsh`, `elevated`) or usage (`secret-missing`)
 */
export async function reachHost(host: Host, options: SshOptions): Promise<Connection> {
  const connection = await connectHost(host, options)
  try {
    return await elevated(connection, {
      password: sudoPassword(host, options.secrets, connection.address),
      signal: options.signal,
    })
  } catch (error) {
    await connection.close()
    throw error
  }
}

/** A host of the site as the user it names. */
export async function connectHost(host: Host, options: SshOptions): Promise<Connection> {
  if (host.address === LOCAL) return connectLocal(host.name)
  const { user } = host
  if (user === undefined) throw new TypeError(`host ${host.name} has no user: the site's schema forbids that`)
  return connectSsh({ ...host, user }, options)
}

function sudoPassword(host: Host, secrets: Secrets, address: string): (() => Promise<string>) | undefined {
  const reference = host.sudo?.password ?? (secrets.canAsk ? 'ask' : undefined)
  if (reference === undefined) return undefined
  return () => secrets.get(reference, { what: 'sudo-password', subject: host.user ?? address })
}
