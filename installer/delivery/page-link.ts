import { Agent, type ClientRequest, request } from 'node:http'
import type { Duplex } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { PAGE_RELAY_MARK } from '../../agent/contract/page.ts'
import { NODE_PATHS } from '../../agent/contract/paths.ts'
import { MojaboxError } from '../../bundles/format/error.ts'
import type { Connection, RemoteProcess } from '../fleet/connection.ts'

const START_LIMIT_MS = 20_000

/**
 * The way from the desk to a node's page: each connection is a command at the end of one SSH connection, kept for the
 * next question. A connection that was lost is made again when somebody asks.
 */
export class PageLink {
  readonly #reach: () => Promise<Connection>
  readonly #agent: Agent
  #connection: Promise<Connection> | undefined
  readonly #relays = new Set<RemoteProcess>()

  constructor(reach: () => Promise<Connection>) {
    this.#reach = reach
    this.#agent = new RelayAgent(() => this.#open())
  }

  /** Asks the node's page: one command more there, unless one is free. The answer, or what went wrong, comes as events of the request. */
  ask(method: string, path: string, headers: Record<string, string>): ClientRequest {
    return request({ agent: this.#agent, host: '127.0.0.1', method, path, headers })
  }

  async close(): Promise<void> {
    this.#agent.destroy()
    for (const relay of this.#relays) relay.kill()
    await this.#connection?.then((connection) => connection.close()).catch(() => {})
  }

  async #open(): Promise<Duplex> {
    this.#connection ??= this.#reach()
    const connection = this.#connection
    try {
      return await this.#relay(await connection)
    } catch (error) {
      // A link that is gone is made anew for who asks next; an answer of the node's own leaves it as it is.
      const isNodes = error instanceof MojaboxError && error.facts.code === 'page-not-served'
      if (!isNodes && this.#connection === connection) {
        this.#connection = undefined
        void connection.then((lost) => lost.close()).catch(() => {})
      }
      throw error
    }
  }

  async #relay(connection: Connection): Promise<Duplex> {
    const relay = await connection.spawn([NODE_PATHS.executable, 'node', 'page'])
    this.#relays.add(relay)
    relay.exited.catch(() => {}).finally(() => this.#relays.delete(relay))
    try {
      await untilMark(relay, connection.address)
      return likeSocket(relay.stream)
    } catch (error) {
      relay.kill()
      throw error
    }
  }
}

/** Node's own, which keeps a relay for the next question until shortly before the node would hang up. */
class RelayAgent extends Agent {
  readonly #open: () => Promise<Duplex>

  constructor(open: () => Promise<Duplex>) {
    super({ keepAlive: true })
    this.#open = open
  }

  override createConnection(_options: unknown, done?: (error: Error | null, stream: Duplex) => void): undefined {
    this.#open().then(
      (stream) => done?.(null, stream),
      (error: Error) => done?.(error, undefined as unknown as Duplex),
    )
    return undefined
  }
}

/** What Node's agent asks of a socket, and a stream lacks. */
function likeSocket(stream: Duplex): Duplex {
  let idle: NodeJS.Timeout | undefined
  return Object.assign(stream, {
    setKeepAlive() {},
    setNoDelay() {},
    ref() {},
    unref() {},
    setTimeout(ms: number) {
      clearTimeout(idle)
      if (ms > 0) idle = setTimeout(() => stream.emit('timeout'), ms).unref()
    },
  })
}

/** Reads up to the relay's first word and gives back what came behind it. @throws MojaboxError `page-not-served`, kind host */
function untilMark(relay: RemoteProcess, address: string): Promise<void> {
  const { stream } = relay
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  let heard = Buffer.alloc(0)
  const hear = () => {
    for (let piece = stream.read(); piece !== null; piece = stream.read()) heard = Buffer.concat([heard, piece])
    const at = heard.indexOf(PAGE_RELAY_MARK)
    if (at < 0) return
    const rest = heard.subarray(at + PAGE_RELAY_MARK.length)
    if (rest.length > 0) stream.unshift(rest)
    resolve()
  }
  const end = async () => {
    const code = await Promise.race([relay.exited.catch(() => undefined), delay(2_000, undefined, { ref: false })])
    reject(noRelay(address, code, relay.stderrTail()))
  }
  const limit = setTimeout(
    () => reject(noRelay(address, undefined, `nothing for ${START_LIMIT_MS / 1000} s`)),
    START_LIMIT_MS,
  )
  stream.on('readable', hear).once('end', end).once('close', end).once('error', reject)
  return promise.finally(() => {
    clearTimeout(limit)
    stream.off('readable', hear).off('end', end).off('close', end).off('error', reject)
    // Whoever comes next listens for errors; between the two there must be somebody.
    stream.on('error', () => {})
  })
}

const COMMAND_MISSING = [126, 127]

function noRelay(address: string, code: number | undefined, stderr: string): MojaboxError {
  const missing = code !== undefined && COMMAND_MISSING.includes(code)
  return new MojaboxError({
    code: missing ? 'not-installed' : 'page-not-served',
    kind: missing ? 'check' : 'host',
    message: missing ? `nothing is installed on ${address}` : `there is no page on ${address}`,
    found: told(stderr) || (code === undefined ? 'no answer' : `exit code ${code}`),
    needed: missing ? 'a finished `mojabox install`' : 'the agent of a finished install with this version of mojabox',
    next: missing ? 'mojabox install' : 'mojabox status; on the host, `journalctl -u mojabox-agent` says more',
  })
}

/** What the node's mojabox found, where it said so in its way. */
function told(stderr: string): string {
  return (/^ {2}found: +(.*)$/m.exec(stderr)?.[1] ?? stderr).trim()
}
