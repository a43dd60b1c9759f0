import fc from 'fast-check'

/** Names that mean something to JavaScript, JSON, a shell or a file system. */
export const TRICKY_TEXTS = [
  '',
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  '..',
  '../../../etc/passwd',
  '/etc/passwd',
  '$(reboot)',
  '`reboot`',
  '-rf',
  'a\u0000b',
  '\ud800',
  '\u202e',
  'x'.repeat(70_000),
] as const

/** A text: usual, tricky, or anything. */
export const anyText = fc.oneof(fc.constantFrom(...TRICKY_TEXTS), fc.string({ maxLength: 40, unit: 'binary' }))

/** A number as a sender may put it, most of them no good. */
export const anyNumber = fc.oneof(
  fc.constantFrom(0, -0, -1, 1, 2 ** 31, 2 ** 32 - 1, 2 ** 53, -(2 ** 53), 1e308, 0.5),
  fc.integer(),
)

/** Any JSON, some of it with keys that a careless merge would follow into a prototype. */
export const anyJson: fc.Arbitrary<unknown> = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.constantFrom(null, true, false),
    anyNumber,
    anyText,
    fc.array(tie('value'), { maxLength: 4 }),
    fc
      .array(fc.tuple(anyText, tie('value')), { maxLength: 4 })
      // An own property, as JSON.parse makes it.
      .map((entries) =>
        JSON.parse(`{${entries.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`)}}`),
      ),
  ),
})).value

/** JSON text that goes deeper than any program's stack. */
export function deepJson(levels: number): string {
  return `${'{"a":['.repeat(levels)}${']}'.repeat(levels)}`
}

type Way = (string | number)[]

/** Every place in a JSON value: of itself, of each member, of each member's members. */
export function waysInto(value: unknown, above: Way = []): Way[] {
  if (typeof value !== 'object' || value === null) return [above]
  return [above, ...Object.entries(value).flatMap(([key, member]) => waysInto(member, [...above, key]))]
}

/** The same value with another one in that place, or without it. */
export function changedAt(value: unknown, [key, ...rest]: Way, replacement: { value: unknown } | undefined): unknown {
  if (key === undefined) return replacement?.value
  const copy = structuredClone(value) as Record<string | number, unknown>
  if (rest.length > 0) copy[key] = changedAt(copy[key], rest, replacement)
  else if (replacement === undefined) delete copy[key]
  else copy[key] = replacement.value
  return copy
}

/** A good value with one to three of its members replaced, or left out. */
export function spoilt(good: unknown): fc.Arbitrary<unknown> {
  const ways = waysInto(good)
  const change = fc.tuple(
    fc.constantFrom(...ways),
    fc.option(
      anyJson.map((value) => ({ value })),
      { nil: undefined },
    ),
  )
  return fc.array(change, { minLength: 1, maxLength: 3 }).map((changes) =>
    changes.reduce((value, [way, replacement]) => {
      try {
        return changedAt(value, way, replacement)
      } catch {
        // An earlier change took that place away.
        return value
      }
    }, good),
  )
}

/** Bytes of something good, spoilt: flipped, cut, doubled, overwritten, one after the other. */
export function spoiltBytes(good: Buffer): fc.Arbitrary<Buffer> {
  const at = fc.nat(Math.max(0, good.length - 1))
  const change = fc.oneof(
    fc.tuple(at, fc.integer({ min: 1, max: 255 })).map(([position, mask]) => (bytes: Buffer) => {
      const copy = Buffer.from(bytes)
      if (position < copy.length) copy[position] = (copy[position] ?? 0) ^ mask
      return copy
    }),
    at.map((position) => (bytes: Buffer) => bytes.subarray(0, position)),
    fc.tuple(at, at).map(
      ([from, to]) =>
        (bytes: Buffer) =>
          Buffer.concat([bytes.subarray(0, to), bytes.subarray(from)]),
    ),
    fc.tuple(at, fc.uint8Array({ maxLength: 32 })).map(([position, other]) => (bytes: Buffer) => {
      const copy = Buffer.from(bytes)
      copy.set(other.subarray(0, Math.max(0, copy.length - position)), Math.min(position, copy.length))
      return copy
    }),
  )
  return fc
    .array(change, { minLength: 1, maxLength: 4 })
    .map((changes) => changes.reduce((bytes, apply) => apply(bytes), good))
}
