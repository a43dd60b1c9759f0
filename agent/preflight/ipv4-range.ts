/** A block of IPv4 addresses, both ends included. */
export interface Ipv4Range {
  cidr: string
  first: number
  last: number
}

/** `10.1.2.3/8` or a bare address; undefined when it is neither. */
export function parseRange(text: string): Ipv4Range | undefined {
  const match = /^(\d+)\.(\d+)\.(\d+)\.(\d+)(?:\/(\d+))?$/.exec(text)
  if (!match) return undefined
  const bytes = match.slice(1, 5).map(Number)
  const bits = match[5] === undefined ? 32 : Number(match[5])
  if (bytes.some((byte) => byte > 255) || bits > 32) return undefined
  const size = 2 ** (32 - bits)
  const address = bytes.reduce((sum, byte) => sum * 256 + byte, 0)
  const first = address - (address % size)
  return { cidr: text, first, last: first + size - 1 }
}

export function overlaps(one: Ipv4Range, other: Ipv4Range): boolean {
  return one.first <= other.last && other.first <= one.last
}

/** The first `count` blocks of `/bits` inside a range. */
export function subdivide(base: Ipv4Range, bits: number, count: number): Ipv4Range[] {
  const size = 2 ** (32 - bits)
  const parts: Ipv4Range[] = []
  for (let first = base.first; first + size - 1 <= base.last && parts.length < count; first += size) {
    parts.push({ cidr: `${dotted(first)}/${bits}`, first, last: first + size - 1 })
  }
  return parts
}

function dotted(address: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join('.')
}
