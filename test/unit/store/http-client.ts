import { type IncomingHttpHeaders, request } from 'node:http'
import { connect } from 'node:net'

export interface Answer {
  status: number
  headers: IncomingHttpHeaders
  body: Buffer
  /** The body ended before its length. */
  cut: boolean
}

interface Wanted {
  method?: string
  headers?: Record<string, string>
  /** Hang up after so many bytes of the body. */
  hangUpAfter?: number
}

/** One request; the path goes out as it is. */
export function ask(address: string, path: string, wanted: Wanted = {}): Promise<Answer> {
  const [host, port] = address.split(':')
  const { method = 'GET', headers = {}, hangUpAfter = Number.POSITIVE_INFINITY } = wanted
  return new Promise((resolve, reject) => {
    const asked = request({ host, port, path, method, headers, agent: false }, (response) => {
      const pieces: Buffer[] = []
      let bytes = 0
      response.on('data', (piece: Buffer) => {
        pieces.push(piece)
        bytes += piece.length
        if (bytes >= hangUpAfter) asked.destroy()
      })
      response.on('error', () => {})
      response.on('close', () => {
        const { statusCode = 0, headers, complete } = response
        resolve({ status: statusCode, headers, body: Buffer.concat(pieces), cut: !complete })
      })
    })
    asked.on('error', (error) => asked.destroyed || reject(error))
    asked.end()
  })
}

/** A request as bytes, for what no client would send. */
export function askRaw(address: string, text: string): Promise<string> {
  const [host, port] = address.split(':')
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port: Number(port) })
    let answer = ''
    socket.on('data', (piece) => {
      answer += piece
    })
    socket.on('error', reject).on('close', () => resolve(answer))
    socket.write(text)
  })
}
