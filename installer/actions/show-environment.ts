import { once } from 'node:events'
import { resolve } from 'node:path'
import { isShellName } from '../../agent/development/environment.ts'
import type { Io } from '../cli/io.ts'
import { renderVariables, type VariablesForm } from '../render/variables.ts'
import { LOCAL } from '../site/site.ts'
import { type OneHostOptions, onOneHost } from './one-host.ts'
import { keepConfig, openEnvironment, writePrivate } from './open-environment.ts'

export interface EnvOptions extends OneHostOptions {
  format: VariablesForm
  output?: string
  forward?: boolean
}

/** Prints (or keeps) the variables; with `--forward` stays until Ctrl-C. @throws MojaboxError */
export async function showEnvironment(service: string | undefined, options: EnvOptions, io: Io): Promise<void> {
  const form = options.json ? 'json' : options.format
  await onOneHost(options, io, async (connection, host, { folder }) => {
    const forward = options.forward === true && host.address !== LOCAL
    const environment = await openEnvironment(connection, service, { forward, signal: io.signal })
    try {
      const { variables, config } = environment
      const whole = Object.keys(variables).every(isShellName)
      if (form === 'shell' && config && service !== undefined && !whole) {
        variables[config.variable] = await keepConfig(folder, service, config.content)
      }
      const text = renderVariables(form, variables)
      if (options.output === undefined) io.stdout(text)
      else await writePrivate(resolve(options.output), text)
      if (host.address !== LOCAL && !forward)
        io.stderr(`these hold on ${host.name} itself; from here: the same command with --forward\n`)
      if (!forward) return
      io.stderr(`relays to ${host.name} are open until Ctrl-C\n`)
      if (!io.signal.aborted) await once(io.signal, 'abort')
    } finally {
      environment.close()
    }
  })
}
