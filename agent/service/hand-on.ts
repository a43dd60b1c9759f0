import { createReadStream } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import type { Readable, Writable } from 'node:stream'
import { linesOf } from '../development/lines.ts'
import { listenAt } from '../store/listen-at.ts'

/** A token is said within this, milliseconds. */
const TOKEN_LIMIT_MS = 5_000
/** Hexadecimal digits of a token. */
const TOKEN_LENGTH = 64

/**
 * Hands one file on to hosts that have nothing of ours yet, over plain TCP: to each that says a token, once for each
 * token; they check the digest. The first line of `stdin` is the address to listen on, each further one a token.
 * Answers the first with the port and each token with itself, and ends with `stdin`.
 */
export async function handOn(path: string, stdin: Readable, stdout: Writable): Promise<void> {
  const tokens = new Set<string>()
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {}).on('close', () => sockets.delete(socket))
    give(socket, path, (token) => tokens.delete(token)).catch(() => socket.destroy())
  })
  try {
    let port: number | undefined
    for await (const line of linesOf(stdin)) {
      if (port === undefined) {
        port = await listenAt(server, line)
        stdout.write(`${port}\n`)
      } else {
        tokens.add(line)
        stdout.write(`${line}\n`)
      }
    }
  } finally {
    server.close()
    for (const socket of sockets) socket.destroy()
  }
}

async function give(socket: Socket, path: string, redeem: (token: string) => boolean): Promise<void> {
  const token = await said(socket)
  if (token === undefined || !redeem(token)) return void socket.destroy()
  for await (const piece of createReadStream(path, { highWaterMark: 1 << 18 })) {
    if (socket.destroyed) return
    if (!socket.write(piece)) await new Promise((resolve) => socket.once('drain', resolve).once('close', resolve))
  }
  socket.end()
}

/** The first line, when it has the length of a token and comes in time. */
function said(socket: Socket): Promise<string | undefined> {
  return new Promise((resolve) => {
    let text = ''
    const limit = setTimeout(() => resolve(undefined), TOKEN_LIMIT_MS)
    socket
      .on('close', () => resolve(undefined))
      .on('data', (piece: Buffer) => {
        text += piece.toString('latin1')
        if (text.length <= TOKEN_LENGTH) return
        clearTimeout(limit)
        resolve(text[TOKEN_LENGTH] === '\n' ? text.slice(0, TOKEN_LENGTH) : undefined)
      })
  })
}
