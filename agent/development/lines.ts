/** Longer lines are cut here, characters: one without an end must not fill the memory. */
const LONGEST = 256 * 1024

/** A stream of bytes as its lines, without their ends. */
export async function* linesOf(stream: AsyncIterable<Buffer | string>): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const piece of stream) {
    rest += typeof piece === 'string' ? piece : decoder.decode(piece, { stream: true })
    const lines = rest.split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) yield line.endsWith('\r') ? line.slice(0, -1) : line
    if (rest.length > LONGEST) {
      yield rest
      rest = ''
    }
  }
  if (rest !== '') yield rest
}
