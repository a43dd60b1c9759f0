import type { AddressInfo, Server } from 'node:net'

/**
 * Listens on a free port of this address, or of all where it is not this host's own (it is reached through a translated one).
 * @returns the port
 * @throws Error of the system
 */
export async function listenAt(server: Server, address: string): Promise<number> {
  await listen(server, address).catch(() => listen(server, undefined))
  return (server.address() as AddressInfo).port
}

function listen(server: Server, host: string | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ port: 0, host }, () => {
      server.off('error', reject)
      resolve()
    })
  })
}
