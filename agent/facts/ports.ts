import type { PortFacts } from '../contract/facts.ts'
import type { PublishedPort } from './docker.ts'
import { findHolders, type Holder, parseSockets, type Socket } from './sockets.ts'
import { readText } from './text-file.ts'

/** Every TCP socket of this machine that listens or is connected; null when the kernel does not tell. */
export async function readSockets(): Promise<Socket[] | null> {
  const [four, six] = await Promise.all([readText('/proc/net/tcp'), readText('/proc/net/tcp6')])
  return four === null ? null : [...parseSockets(four), ...parseSockets(six ?? '')]
}

/** The ports taken, of all or of the `wanted` ones, each with its holder where that can be seen. */
export function describePorts(
  sockets: readonly Socket[],
  published: readonly PublishedPort[],
  wanted: ReadonlySet<number> | undefined,
): PortFacts[] {
  const listening = sockets.filter((one) => one.state === 'listening' && (!wanted || wanted.has(one.port)))
  const holders = findHolders(new Set(listening.map((socket) => socket.inode)))
  const shown = published.filter((one) => !wanted || wanted.has(one.port))
  return joinPorts(listening, holders, shown)
}

/** Listening sockets with their holders, and the ports Docker publishes without a listening process. */
export function joinPorts(
  listening: readonly Socket[],
  holders: ReadonlyMap<string, Holder>,
  published: readonly PublishedPort[],
): PortFacts[] {
  const ports = listening.map(({ address, port, inode }): PortFacts => {
    const holder = holders.get(inode)
    const mayBeDocker = !holder || /^docker(-proxy|d)/.test(holder.process)
    const container = mayBeDocker ? published.find((one) => one.port === port && one.address === address) : undefined
    return {
      address,
      port,
      process: holder?.process ?? null,
      pid: holder?.pid ?? null,
      container: container?.container ?? null,
      project: container?.project ?? null,
    }
  })
  const silent = published.filter(
    (one) => !ports.some((port) => port.port === one.port && port.address === one.address),
  )
  const dockers = silent.map(
    ({ address, port, container, project }): PortFacts => ({
      address,
      port,
      process: null,
      pid: null,
      container,
      project,
    }),
  )
  return [...ports, ...dockers].sort((a, b) => a.port - b.port)
}
