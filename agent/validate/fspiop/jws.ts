import { type KeyObject, sign, verify } from 'node:crypto'

interface Message {
  method: string
  /** From the resource on: `/transfers/…` */
  uri: string
  /** Names in lower case. */
  headers: Readonly<Record<string, string | undefined>>
  /** Exactly as sent. */
  body: string
}

/** The three headers of a signed FSPIOP message. The key is RSA; FSPIOP knows RS256 alone. */
export function signatureHeaders(message: Message, key: KeyObject): Record<string, string> {
  const protectedHeader = encoded(protectedOf(message))
  const signature = sign('sha256', Buffer.from(`${protectedHeader}.${encoded(message.body)}`), key).toString(
    'base64url',
  )
  return {
    'fspiop-http-method': message.method,
    'fspiop-uri': message.uri,
    'fspiop-signature': JSON.stringify({ signature, protectedHeader }),
  }
}

/**
 * A body as it has to be sent to be signed: Mojaloop's own library checks a signature against the parsed body, written
 * again with its names in order.
 */
export function signableJson(body: object): string {
  return JSON.stringify(body, (_, value: unknown) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([left], [right]) => (left < right ? -1 : 1)))
      : value,
  )
}

/** What is wrong with a message's signature; undefined when nothing is. Its protected header must say what the message says. */
export function signatureFault(message: Message, key: KeyObject): string | undefined {
  const { signature, protectedHeader } = signatureOf(message.headers['fspiop-signature'])
  if (typeof signature !== 'string' || typeof protectedHeader !== 'string') return 'not signed'
  const signed = Buffer.from(`${protectedHeader}.${encoded(message.body)}`)
  if (!verify('sha256', signed, key, Buffer.from(signature, 'base64url'))) return 'wrong signature'
  const said = parsed(Buffer.from(protectedHeader, 'base64url').toString())
  if (said.alg !== 'RS256') return `signed with ${said.alg}`
  if (said['FSPIOP-Source'] !== message.headers['fspiop-source']) return `signed by ${said['FSPIOP-Source']}`
  return undefined
}

function protectedOf({ method, uri, headers }: Message): string {
  return JSON.stringify({
    alg: 'RS256',
    'FSPIOP-URI': uri,
    'FSPIOP-HTTP-Method': method,
    'FSPIOP-Source': headers['fspiop-source'],
    ...(headers['fspiop-destination'] !== undefined && { 'FSPIOP-Destination': headers['fspiop-destination'] }),
    ...(headers.date !== undefined && { Date: headers.date }),
  })
}

function signatureOf(header: string | undefined): Record<string, unknown> {
  return header === undefined ? {} : parsed(header)
}

function parsed(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? { ...value } : {}
  } catch {
    return {}
  }
}

function encoded(text: string): string {
  return Buffer.from(text).toString('base64url')
}
