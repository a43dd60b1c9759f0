import { MojaboxError } from '../../bundles/format/error.ts'

/** The host would not, or could not, connect on to where something of its own listens. */
export function relayRefused(host: string, address: string, port: number, cause: Error): MojaboxError {
  return new MojaboxError(
    {
      code: 'relay-refused',
      kind: 'host',
      message: `no way through ${host} to ${address}:${port}`,
      found: cause.message,
      needed: `something that listens on ${address}:${port} there and, over SSH, AllowTcpForwarding in its sshd_config`,
      next: 'mojabox status',
    },
    { cause },
  )
}
