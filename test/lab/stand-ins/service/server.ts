import { createServer, type IncomingMessage } from 'node:http'
import type { Documents, HttpMessage } from './document.ts'
import type { Signatures } from './signatures.ts'

export interface Received extends HttpMessage {
  /** The body's bytes, as they came. */
  text: string
}

interface Answer {
  status: number
  body?: unknown
  /** Done once the request is answered: what FSPIOP leaves to a callback. */
  afterwards?: () => Promise<void>
}

export type Answering = (received: Received) => Promise<Answer | undefined>

/** A refusal in FSPIOP's words. */
export function refusal(status: number, errorCode: string, errorDescription: string): Answer {
  return { status, body: { errorInformation: { errorCode, errorDescription: errorDescription.slice(0, 128) } } }
}

interface Fspiop {
  documents: Documents
  signatures: Signatures
}

/** With `fspiop`, both sides are held to its documents, and the other one to its signature where that is asked for. */
export async function serve(port: number, answering: Answering, fspiop?: Fspiop): Promise<void> {
  const server = createServer(async (request, response) => {
    const received = await read(request)
    const answer = await answerTo(received, answering, fspiop).catch((error: Error) => {
      log(`${received.method} ${received.path}: ${error.stack ?? error.message}`)
      return refusal(500, '2001', `Internal server error - ${error.message}`)
    })
    const text = answer.body === undefined ? '' : JSON.stringify(answer.body)
    response.writeHead(answer.status, { 'content-type': 'application/json' }).end(text)
    await answer
      .afterwards?.()
      .catch((error: Error) => log(`after ${received.method} ${received.path}: ${error.message}`))
  })
  await new Promise<void>((resolve) => server.listen(port, '0.0.0.0', resolve))
  log(`listening on ${port}`)
}

async function answerTo(received: Received, answering: Answering, fspiop: Fspiop | undefined): Promise<Answer> {
  if (received.method === 'GET' && received.path === '/health') return { status: 200, body: HEALTHY }
  const unknown = refusal(404, '3002', `Unknown URI - ${received.path}`)
  if (!fspiop) return (await answering(received)) ?? unknown
  const fault = fspiop.documents.requestFault(received)
  if (fault) return refusal(400, fault.code, fault.words)
  const forged = received.text === '' ? undefined : fspiop.signatures.fault(received)
  if (forged) return refusal(400, '3105', `Invalid signature - ${forged}`)
  const answer = await answering(received)
  if (!answer) return unknown
  const wrong = fspiop.documents.answerFault(received, answer.status)
  if (wrong) throw new Error(wrong)
  return answer
}

const HEALTHY = { status: 'OK', services: [] }

async function read(request: IncomingMessage): Promise<Received> {
  let text = ''
  for await (const piece of request.setEncoding('utf8')) text += piece
  const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]))
  const path = (request.url ?? '/').split('?', 1)[0] ?? '/'
  return { method: request.method ?? '', path, headers, text, body: parsed(text) }
}

function parsed(text: string): unknown {
  try {
    return text === '' ? undefined : JSON.parse(text)
  } catch {
    return text
  }
}

export function log(line: string): void {
  process.stdout.write(`${new Date().toISOString()} ${line}\n`)
}
