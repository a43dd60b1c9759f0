import type { KeyObject } from 'node:crypto'
import { z } from 'zod'
import { MojaboxError } from '../../../bundles/format/error.ts'
import type { ValidateContext } from '../context.ts'
import type { Callback, Callbacks } from './callbacks.ts'
import { fspiopHeaders, type Resource, type Version } from './headers.ts'
import { signableJson, signatureFault, signatureHeaders } from './jws.ts'
import { sendHttp } from './send.ts'

/** What a DFSP needs to speak with the hub. */
export interface Line {
  context: Pick<ValidateContext, 'times' | 'signal' | 'moved'>
  callbacks: Callbacks
  /** Where each resource is answered, and by which service. */
  serviceOf(resource: Resource): { service: string; url: string }
}

export interface Keys {
  /** This DFSP's own, RSA. */
  own: KeyObject
  /** The public one of whoever may send, by the name in `fspiop-source`. */
  of(name: string): KeyObject | undefined
}

interface Message {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  /** From the resource on: `/quotes/<id>` */
  path: string
  version?: Version
  destination?: string
  body?: object
}

interface Wanted {
  method: string
  path: string
  /** Tells messages of one path apart. */
  about?: (body: unknown) => boolean
  /** Default `times.callbackMs`. */
  timeoutMs?: number | undefined
}

const Refusal = z.object({ errorInformation: z.object({ errorCode: z.string(), errorDescription: z.string() }) })

/** `callback-missing`: the hub took a request and never came back on it. */
export class CallbackMissing extends MojaboxError {
  readonly method: string
  readonly path: string

  constructor(dfsp: string, method: string, path: string, waitedMs: number) {
    super({
      code: 'callback-missing',
      kind: 'step',
      message: `${dfsp} got no ${method} ${path} in ${waitedMs / 1000} s`,
      needed: 'the callback',
    })
    this.method = method
    this.path = path
  }
}

/** One of the two test DFSPs: sends to the hub under its name, and takes what the hub sends it. Tells each message. */
export class Dfsp {
  readonly name: string
  private readonly line: Line
  private readonly keys: Keys | undefined

  constructor(name: string, line: Line, keys?: Keys) {
    this.name = name
    this.line = line
    this.keys = keys
  }

  /** @throws MojaboxError `service-unreachable`, `fspiop-refused` */
  async send(message: Message): Promise<void> {
    const { context } = this.line
    const { method, path, version = '1.1', destination } = message
    const { service, url } = this.line.serviceOf(resourceOf(path))
    const body = message.body && signableJson(message.body)
    const date = new Date()
    const headers = fspiopHeaders({ method, resource: resourceOf(path), version, source: this.name, destination, date })
    if (this.keys && body !== undefined) {
      Object.assign(headers, signatureHeaders({ method, uri: path, headers, body }, this.keys.own))
    }
    const startedAt = performance.now()
    const tell = (outcome: string) => {
      const tookMs = Math.round(performance.now() - startedAt)
      context.moved({ from: this.name, to: service, what: `${method} ${path}`, outcome, tookMs })
    }
    const timeoutMs = context.times.callbackMs
    const answer = await sendHttp({ url: url + path, method, headers, body }, timeoutMs, context.signal).catch(
      (error) => {
        tell('no answer')
        throw error
      },
    )
    const refusal = answer.status >= 300 ? refusalOf(json(answer.body)) : undefined
    tell(refusal ? `${answer.status}: ${refusal}` : String(answer.status))
    if (answer.status < 300) return
    throw new MojaboxError({
      code: 'fspiop-refused',
      kind: 'step',
      message: `${service} refuses ${method} ${path} of ${this.name}`,
      found: `status ${answer.status}: ${refusal ?? answer.body.slice(0, 200)}`,
      needed: 'status 200 or 202',
      next: `docker logs --tail 50 mojabox-${service}-1`,
    })
  }

  /**
   * Waits for one message of the hub. An error message in its place ends the wait too.
   * @throws MojaboxError `callback-missing`, `callback-error` (`found` begins with FSPIOP's code), `callback-forged`
   */
  async receives({ method, path, about, timeoutMs }: Wanted): Promise<unknown> {
    const { context, callbacks } = this.line
    const limitMs = timeoutMs ?? context.times.callbackMs
    const isWanted = (callback: Callback) =>
      callback.method === method && callback.path === path && (about?.(callback.body) ?? true)
    const isError = (callback: Callback) => callback.method === 'PUT' && callback.path === `${path}/error`
    const found = await callbacks.next(
      (callback) => callback.dfsp === this.name && (isWanted(callback) || isError(callback)),
      limitMs,
      context.signal,
    )
    if (!found) throw new CallbackMissing(this.name, method, path, limitMs)
    this.checkSignature(found)
    if (isWanted(found)) return found.body
    const words = refusalOf(found.body) ?? found.text.slice(0, 200)
    throw new MojaboxError({
      code: 'callback-error',
      kind: 'step',
      message: `${this.name} gets an error for ${path}`,
      found: words,
    })
  }

  /**
   * Waits for the hub to refuse; returns FSPIOP's code and words.
   * @throws MojaboxError `callback-missing`; `callback-forged`
   */
  async receivesError({ path, timeoutMs }: Pick<Wanted, 'path' | 'timeoutMs'>): Promise<string> {
    const body = await this.receives({ method: 'PUT', path: `${path}/error`, timeoutMs })
    return refusalOf(body) ?? JSON.stringify(body)
  }

  /** Whoever signs must have done so rightly; that the hub signs at all is what a profile with JWS asks for. */
  private checkSignature(callback: Callback): void {
    if (!this.keys || callback.text === '') return
    const { method, path, headers, text } = callback
    const source = headers['fspiop-source'] ?? ''
    const key = this.keys.of(source)
    const fault = key ? signatureFault({ method, uri: path, headers, body: text }, key) : 'nobody whose key is known'
    if (!fault) return
    throw new MojaboxError({
      code: 'callback-forged',
      kind: 'step',
      message: `${this.name} gets ${method} ${path} from ${source || 'nobody'}`,
      found: fault,
      needed: 'a signature that holds',
    })
  }
}

export function resourceOf(path: string): Resource {
  const [, resource = ''] = path.split('/')
  return resource as Resource
}

/** In few words, what a message says: an error, a transfer's state; else only that it came. */
export function outcomeOf(callback: Callback): string {
  const state = z.object({ transferState: z.string() }).safeParse(callback.body)
  return refusalOf(callback.body) ?? state.data?.transferState ?? 'received'
}

function refusalOf(body: unknown): string | undefined {
  const read = Refusal.safeParse(body)
  return read.data && `${read.data.errorInformation.errorCode} ${read.data.errorInformation.errorDescription}`
}

function json(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
