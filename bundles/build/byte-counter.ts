import { createHash } from 'node:crypto'
import { Transform } from 'node:stream'
import type { Digest } from '../format/manifest.ts'

/** Hashes and counts what passes through. The digest is known once all has. */
export function byteCounter(): { stream: Transform; digest(): Digest; bytes(): number } {
  const hash = createHash('sha256')
  let bytes = 0
  let found: Digest | undefined
  const stream = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk)
      bytes += chunk.length
      done(null, chunk)
    },
  })
  const digest = (): Digest => {
    found ??= `sha256:${hash.digest('hex')}`
    return found
  }
  return { stream, digest, bytes: () => bytes }
}
