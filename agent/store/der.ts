/** Writes ASN.1 in DER, as much of it as an X.509 certificate needs (ITU-T X.690). */

function tagged(tag: number, content: Buffer): Buffer {
  const { length } = content
  const bytes = length < 0x80 ? [length] : lengthBytes(length)
  return Buffer.concat([Buffer.from([tag, ...bytes]), content])
}

function lengthBytes(length: number): number[] {
  const bytes: number[] = []
  for (let rest = length; rest > 0; rest >>>= 8) bytes.unshift(rest & 0xff)
  return [0x80 | bytes.length, ...bytes]
}

export const sequence = (...parts: Buffer[]): Buffer => tagged(0x30, Buffer.concat(parts))
export const set = (...parts: Buffer[]): Buffer => tagged(0x31, Buffer.concat(parts))
export const octets = (content: Buffer): Buffer => tagged(0x04, content)
export const truth = (value: boolean): Buffer => tagged(0x01, Buffer.from([value ? 0xff : 0]))
export const text = (value: string): Buffer => tagged(0x0c, Buffer.from(value))

/** A positive number, big-endian. */
export function integer(bytes: Buffer): Buffer {
  return tagged(0x02, (bytes[0] ?? 0) & 0x80 ? Buffer.concat([Buffer.from([0]), bytes]) : bytes)
}

/** @param unused bits at the end that mean nothing */
export function bits(content: Buffer, unused = 0): Buffer {
  return tagged(0x03, Buffer.concat([Buffer.from([unused]), content]))
}

/** `[number]`: a whole value within, or (not constructed) other content under this tag. */
export function context(number: number, content: Buffer, constructed = true): Buffer {
  return tagged((constructed ? 0xa0 : 0x80) | number, content)
}

/** `1.2.840.10045.4.3.2`. */
export function objectIdentifier(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number)
  return tagged(0x06, Buffer.from([40 * first + second, ...rest.flatMap(base128)]))
}

function base128(value: number): number[] {
  const bytes = [value & 0x7f]
  for (let rest = Math.floor(value / 128); rest > 0; rest = Math.floor(rest / 128)) bytes.unshift(0x80 | (rest & 0x7f))
  return bytes
}

/** In seconds; of two digits of the year until 2049, as X.509 wants it. */
export function time(at: Date): Buffer {
  const digits = at.toISOString().replace(/\.\d+/, '').replace(/[-:T]/g, '')
  return at.getUTCFullYear() < 2050 ? tagged(0x17, Buffer.from(digits.slice(2))) : tagged(0x18, Buffer.from(digits))
}
