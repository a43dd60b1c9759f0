import { type ErrorFacts, factsOf } from '../../../bundles/format/error.ts'
import { type HostKeys, openHostKeys } from '../../../installer/fleet/host-keys.ts'
import type { SshOptions, SshTarget } from '../../../installer/fleet/ssh-connection.ts'
import { createSecrets, type SecretSources } from '../../../installer/site/secret.ts'

/** A desk without anything of this machine's user: no agent, no default keys, no known_hosts. */
export async function deskOptions(
  folder: string,
  given: Partial<SshOptions> & { sources?: Partial<SecretSources>; hostKeys?: HostKeys } = {},
): Promise<SshOptions> {
  const { sources, ...rest } = given
  return {
    hostKeys: await openHostKeys({
      pinPath: `${folder}/pins-${Math.random()}`,
      knownHostsPaths: [],
      onUnknownKey: async () => true,
    }),
    secrets: createSecrets({ env: {}, readFile: async () => '', ...sources }),
    env: {},
    home: folder,
    ...rest,
  }
}

export function target(port: number, user: string, more: Partial<SshTarget> = {}): SshTarget {
  return { name: 'host', address: '127.0.0.1', port, user, ...more }
}

/** The facts of the error a promise fails with. */
export async function failure(promise: Promise<unknown>): Promise<ErrorFacts> {
  try {
    await promise
  } catch (error) {
    return factsOf(error)
  }
  throw new Error('it did not fail')
}
