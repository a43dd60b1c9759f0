import { type AddressInfo, createServer } from 'node:net'
import { MojaboxError } from '../../bundles/format/error.ts'
import type { Connection } from './connection.ts'

export interface Relay {
  /** On the desk's loopback. */
  port: number
  close(): void
}

/**
 * Listens on the desk's loopback and carries every connection on, through the host.
 * @param localPort 0 for any that is free
 * @throws MojaboxError `port-taken`
 */
export async function openRelay(
  connection: Connection,
  to: { host: string; port: number },
  localPort: number,
): Promise<Relay> {
  // Half open: a client may end its side first and still wait for the answer.
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => socket.destroy())
    connection.connect(to.host, to.port).then(
      (far) => {
        far.on('error', () => socket.destroy())
        socket.on('close', () => far.destroy())
        socket.pipe(far).pipe(socket)
      },
      () => socket.destroy(),
    )
  })
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  server.once('error', reject).listen(localPort, '127.0.0.1', resolve)
  await promise.catch((error) => {
    throw taken(localPort, error)
  })
  return { port: (server.address() as AddressInfo).port, close: () => server.close() }
}

function taken(port: number, cause: Error): MojaboxError {
  return new MojaboxError(
    {
      code: 'port-taken',
      kind: 'usage',
      message: `port ${port} of this machine is taken, and Kafka tells its clients to come back to just that one`,
      found: cause.message,
      needed: `127.0.0.1:${port} free on this machine`,
      next: `see who has it (\`ss -ltnp sport = :${port}\`); end that, or give the hub's Kafka another: settings.ports.kafka, then mojabox install`,
    },
    { cause },
  )
}
