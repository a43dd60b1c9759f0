import { connect, createServer, type Server, type Socket } from 'node:net'

/** A TCP relay on loopback that a test can cut or freeze: the network between desk and host. */
export interface Proxy {
  port: number
  /** How many bytes went from the desk to the host. */
  sentBytes(): number
  /** Ends every connection at once, as a router that restarts would. */
  cut(): void
  /** Lets nothing more through and says nothing, as a pulled cable would. */
  freeze(): void
  stop(): Promise<void>
}

export async function startProxy(targetPort: number): Promise<Proxy> {
  const sockets = new Set<Socket>()
  let sent = 0
  const server = createServer((near) => {
    const far = connect(targetPort, '127.0.0.1')
    near.on('data', (chunk: Buffer) => {
      sent += chunk.length
    })
    near.pipe(far)
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

/** A server that does with each connection what the test says; silence by default. */
export async function startServer(onConnection: (socket: Socket) => void = () => {}): Promise<{ port: number; stop(): Promise<void> }> {
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
