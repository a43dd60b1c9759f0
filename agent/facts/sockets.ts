import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { basename } from 'node:path'

export interface Socket {
  address: string
  port: number
  remoteAddress: string
  state: 'listening' | 'established'
  inode: string
}

const STATES: Readonly<Record<string, Socket['state']>> = { '0A': 'listening', '01': 'established' }

/** Reads /proc/net/tcp or tcp6: what listens and what is connected. IPv4 inside IPv6 is told as IPv4. */
export function parseSockets(text: string): Socket[] {
  const sockets: Socket[] = []
  for (const line of text.split('\n').slice(1)) {
    const [, local, remote, code, , , , , , inode] = line.trim().split(/\s+/)
    const state = STATES[code ?? '']
    const [address, port] = local?.split(':') ?? []
    const remoteAddress = remote?.split(':')[0]
    if (!state || !address || !port || !remoteAddress || !inode) continue
    sockets.push({
      address: parseAddress(address),
      port: Number.parseInt(port, 16),
      remoteAddress: parseAddress(remoteAddress),
      state,
      inode,
    })
  }
  return sockets
}

/** The kernel's hexadecimal form: 32-bit words, each in the byte order of x86 and arm. */
export function parseAddress(hex: string): string {
  const bytes = [...Buffer.from(hex, 'hex')]
  const ordered: number[] = []
  for (let word = 0; word < bytes.length; word += 4) ordered.push(...bytes.slice(word, word + 4).reverse())
  if (ordered.length === 4) return ordered.join('.')
  const mapped = ordered.slice(0, 10).every((byte) => byte === 0) && ordered[10] === 255 && ordered[11] === 255
  if (mapped) return ordered.slice(12).join('.')
  const groups: string[] = []
  for (let at = 0; at < 16; at += 2) groups.push((((ordered[at] ?? 0) << 8) | (ordered[at + 1] ?? 0)).toString(16))
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1)
}

export interface Holder {
  pid: number
  process: string
}

/** Which process holds each socket; needs root for other users' processes. Stops when all are found. */
export function findHolders(inodes: ReadonlySet<string>): Map<string, Holder> {
  const holders = new Map<string, Holder>()
  if (inodes.size === 0) return holders
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    for (const inode of socketsOf(name)) {
      if (inodes.has(inode) && !holders.has(inode))
        holders.set(inode, { pid: Number(name), process: processName(name) })
    }
    if (holders.size === inodes.size) break
  }
  return holders
}

function socketsOf(pid: string): string[] {
  const inodes: string[] = []
  try {
    for (const descriptor of readdirSync(`/proc/${pid}/fd`)) {
      const inode = /^socket:\[(\d+)\]$/.exec(linkOf(`/proc/${pid}/fd/${descriptor}`))?.[1]
      if (inode) inodes.push(inode)
    }
  } catch {
    // It ended meanwhile, or is not ours to look at.
  }
  return inodes
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}

function processName(pid: string): string {
  const name = readFileSync(`/proc/${pid}/comm`, 'utf8').trim()
  // Node calls its main thread so, whatever the program is.
  return /MainThread$/.test(name) ? basename(linkOf(`/proc/${pid}/exe`).replace(/ \(deleted\)$/, '')) || name : name
}
