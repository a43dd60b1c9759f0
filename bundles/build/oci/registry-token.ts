import { z } from 'zod'
import { MojaboxError } from '../../format/error.ts'
import { parseJson } from '../../format/read-document.ts'
import { addressOf, type Http, readBody } from '../http.ts'
import type { CredentialsOf } from './credentials.ts'

export interface TokenRequest {
  /** Image name, for messages. */
  name: string
  /** HOST:PORT of the registry. */
  host: string
  repository: string
  /** The `www-authenticate` of its 401. */
  challenge: string
  credentialsOf: CredentialsOf
  http: Http
  /** Where a password may go without TLS. */
  isPlain: (host: string) => boolean
  signal: AbortSignal
}

/** Those of real registries have some kilobytes. */
const MAX_TOKEN_BYTES = 1024 * 1024

const Token = z.object({ token: z.string().optional(), access_token: z.string().optional() })

/**
 * What to send as `authorization` after a registry's 401: Basic, or a Bearer token from the server that it names.
 * @throws MojaboxError `registry-unauthorised`
 */
export async function authorize(request: TokenRequest): Promise<string> {
  const { name, host, repository, challenge, credentialsOf, http, isPlain, signal } = request
  const basic = credentialsOf(host)
  const { scheme, parameters } = parseChallenge(challenge)
  if (scheme === 'basic' && basic !== undefined) return `Basic ${basic}`
  if (scheme !== 'bearer' || parameters.realm === undefined || !URL.canParse(parameters.realm)) {
    throw unauthorised(name, host, `the answer 401 (${scheme || 'no challenge'})`)
  }
  const url = new URL(parameters.realm)
  if (parameters.service !== undefined) url.searchParams.set('service', parameters.service)
  url.searchParams.set('scope', parameters.scope ?? `repository:${repository}:pull`)
  const mayTell = basic !== undefined && (url.protocol === 'https:' || isPlain(url.host))
  const response = await http.get({ url, headers: mayTell ? { authorization: `Basic ${basic}` } : {}, signal })
  if (response.status !== 200) {
    await response.body.dump()
    throw unauthorised(name, host, `${addressOf(url)} answered ${response.status}`)
  }
  const parsed = Token.safeParse(parseJson((await readBody(response, MAX_TOKEN_BYTES)) ?? Buffer.alloc(0)))
  const token = parsed.data?.token ?? parsed.data?.access_token
  if (token === undefined || !/^[!-~]+$/.test(token)) throw unauthorised(name, host, `${addressOf(url)} gave no token`)
  return `Bearer ${token}`
}

/** `Bearer realm="…",service="…"` in parts. */
export function parseChallenge(challenge: string): { scheme: string; parameters: Record<string, string> } {
  const scheme = /^\S+/.exec(challenge)?.[0]?.toLowerCase() ?? ''
  const found = challenge.matchAll(/(\w+)=(?:"([^"]*)"|([^\s,]+))/g)
  const entries = [...found].map(([, key = '', quoted, bare]) => [key.toLowerCase(), quoted ?? bare ?? ''])
  return { scheme, parameters: Object.fromEntries(entries) }
}

/** Whether HOST:PORT is this machine itself, where plain HTTP is safe. */
export function isLoopback(host: string): boolean {
  const name = host.replace(/:\d+$/, '')
  return name === 'localhost' || name === '[::1]' || /^127(\.\d+){3}$/.test(name)
}

export function unauthorised(name: string, host: string, found: string): MojaboxError {
  return new MojaboxError({
    code: 'registry-unauthorised',
    kind: 'host',
    message: `getting ${name}: not authorised, or no such image`,
    found,
    needed: `the right to pull it from ${host}`,
    next: `check the name; for a private image: docker login ${host}`,
  })
}
