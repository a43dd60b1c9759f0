import { request } from 'node:http'
import { MojaboxError } from '../../../bundles/format/error.ts'

export interface HttpMessage {
  url: string
  method: string
  headers: Readonly<Record<string, string>>
  body?: string | undefined
}

const BODY_LIMIT = 64 * 1024

/**
 * One HTTP exchange with exactly these headers: `fetch` would add an `accept`, which FSPIOP services refuse in a PUT.
 * @throws MojaboxError `service-unreachable` when nobody answers in time
 */
export async function sendHttp(
  message: HttpMessage,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<{ status: number; body: string }> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)])
  try {
    return await exchange(message, limit)
  } catch (cause) {
    signal.throwIfAborted()
    const reason = limit.aborted ? `no answer in ${timeoutMs / 1000} s` : wordsOf(cause)
    throw new MojaboxError(
      {
        code: 'service-unreachable',
        kind: 'step',
        message: `${message.method} ${message.url}: ${reason}`,
        found: reason,
        needed: 'an answer',
      },
      { cause },
    )
  }
}

function exchange(message: HttpMessage, signal: AbortSignal): Promise<{ status: number; body: string }> {
  const { url, method, body = '' } = message
  const bytes = Buffer.from(body)
  const headers = { ...message.headers, ...(bytes.length > 0 && { 'content-length': String(bytes.length) }) }
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, headers, signal, agent: false }, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (piece: string) => {
        if (text.length < BODY_LIMIT) text += piece
      })
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: text }))
      response.on('error', reject)
    })
    sent.on('error', reject)
    sent.end(bytes)
  })
}

function wordsOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.message || String((error as NodeJS.ErrnoException).code)
}
