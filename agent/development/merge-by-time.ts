/** A line with its time; times of one notation, so that text order is time order. */
export interface Stamped {
  at: string
  text: string
}

/** Several streams, each in order of time, as one in order of time; holds one line of each. */
export async function* mergeByTime<T extends { at: string }>(streams: AsyncIterable<T>[]): AsyncGenerator<T> {
  const heads: { value: T; from: AsyncIterator<T> }[] = []
  const pull = async (from: AsyncIterator<T>) => {
    const next = await from.next()
    if (!next.done) heads.push({ value: next.value, from })
  }
  await Promise.all(streams.map((stream) => pull(stream[Symbol.asyncIterator]())))
  for (;;) {
    const first = heads.reduce<(typeof heads)[number] | undefined>(
      (earliest, head) => (earliest === undefined || head.value.at < earliest.value.at ? head : earliest),
      undefined,
    )
    if (first === undefined) return
    heads.splice(heads.indexOf(first), 1)
    yield first.value
    await pull(first.from)
  }
}
