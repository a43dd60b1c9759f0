import { connect, createServer, type Server, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'

/** A TCP relay on loopback that a test can cut or freeze: the network between desk and host. */
export interface TcpProxy {
  port: number
  /** How many bytes went from the desk to the host. */
  sentBytes(): number
  /** Ends every connection at once, as a router that restarts would. */
  cut(): void
  /** Lets new connections send no faster than this from desk to host, as a satellite would. */
  slowDown(bytesPerSecond: number): void
  /** Lets nothing more through and says nothing, as a pulled cable would. */
  freeze(): void
  stop(): Promise<void>
}

export async function startProxy(targetPort: number): Promise<TcpProxy> {
  const sockets = new Set<Socket>()
  let sent = 0
  let rate = Number.POSITIVE_INFINITY
  const server = createServer((near) => {
    const far = connect(targetPort, '127.0.0.1')
    near.on('data', (chunk: Buffer) => {
      sent += chunk.length
    })
    if (rate === Number.POSITIVE_INFINITY) near.pipe(far)
    else void slowly(near, far, rate)
    far.pipe(near)
    for (const socket of [near, far]) {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        near.destroy()
        far.destroy()
      })
    }
  })
  return {
    port: await listen(server),
    sentBytes: () => sent,
    cut: () => {
      for (const socket of sockets) socket.resetAndDestroy()
    },
    slowDown: (bytesPerSecond) => {
      rate = bytesPerSecond
    },
    freeze: () => {
      for (const socket of sockets) {
        socket.unpipe()
        socket.pause()
      }
    },
    async stop() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

async function slowly(near: Socket, far: Socket, bytesPerSecond: number): Promise<void> {
  try {
    for await (const chunk of near as AsyncIterable<Buffer>) {
      await pause((chunk.length / bytesPerSecond) * 1000)
      far.write(chunk)
    }
    far.end()
  } catch {
    far.destroy()
  }
}

/** A server that does with each connection what the test says; silence by default. */
export async function startServer(
  onConnection: (socket: Socket) => void = () => {},
): Promise<{ port: number; stop(): Promise<void> }> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    onConnection(socket)
  })
  return {
    port: await listen(server),
    async stop() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}
