import { resolve } from 'node:path'
import type { DevelopmentNote } from '../../agent/contract/node-answer.ts'
import { MojaboxError } from '../../bundles/format/error.ts'
import type { Io } from '../cli/io.ts'
import { logLineRenderer } from '../render/log-line.ts'
import { lookOf } from '../render/look.ts'
import { LOCAL } from '../site/site.ts'
import { askNode } from './ask-node.ts'
import { type OneHostOptions, onOneHost } from './one-host.ts'

export interface DevOptions extends OneHostOptions {
  debug?: string | true
}

const DEBUG_PORT = 9229

/** A checkout of this machine in a service's place, until Ctrl-C. @throws MojaboxError of the node, `development-elsewhere` */
export async function developHere(service: string, path: string, options: DevOptions, io: Io): Promise<void> {
  const json = options.json === true
  const args = ['dev', ...debugArguments(options.debug), '--', service, resolve(path)]
  await onOneHost(options, io, async (connection, host) => {
    if (host.address !== LOCAL) throw elsewhere(host.name, service, path)
    const renderLog = logLineRenderer(io, { hosts: false, json })
    const renderNote = noteRenderer(io, json)
    await askNode(
      connection,
      args,
      (answer) => {
        if (answer.type === 'log') io.stdout(renderLog(host.name, answer))
        else if (answer.type === 'development') (json ? io.stdout : io.stderr)(renderNote(answer))
      },
      { signal: io.signal, patient: true },
    )
  })
}

function noteRenderer(io: Io, json: boolean): (note: DevelopmentNote) => string {
  const { paint } = lookOf(io)
  return (note) =>
    json ? `${JSON.stringify(note)}\n` : `${paint('bold', `${note.service} ${note.state}`)}: ${note.message}\n`
}

/** @throws MojaboxError `debug-port` */
function debugArguments(debug: string | true | undefined): string[] {
  if (debug === undefined) return []
  const port = debug === true ? DEBUG_PORT : Number(debug)
  if (Number.isInteger(port) && port > 0 && port < 65536) return ['--debug', String(port)]
  throw new MojaboxError({
    code: 'debug-port',
    kind: 'usage',
    message: `reading --debug: ${JSON.stringify(debug)} is no port`,
    found: String(debug),
    needed: 'a port, 1 to 65535',
    next: `mojabox dev … --debug ${DEBUG_PORT}`,
  })
}

function elsewhere(host: string, service: string, path: string): MojaboxError {
  return new MojaboxError({
    code: 'development-elsewhere',
    kind: 'usage',
    message: `the hub runs on ${host}, the checkout lies here`,
    found: `host ${host}, reached over SSH`,
    needed: 'a hub on the machine where the checkout is: its files go straight into the container',
    next: `have the checkout on ${host} and run there: mojabox dev ${service} ${path}   (or here, against its database and Kafka: mojabox env ${service} --forward)`,
  })
}
