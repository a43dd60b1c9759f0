/**
 * A value as the JSON bytes whose digest names it: no spaces, keys in the order given, members that are `undefined`
 * left out. The same value built the same way has the same bytes on every machine.
 */
export function jsonBytes(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value))
}
