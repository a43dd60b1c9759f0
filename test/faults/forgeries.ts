import { createReadStream, createWriteStream } from 'node:fs'
import { copyFile, open, truncate } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { blobPath } from '../../bundles/format/digest.ts'
import { openBundle } from '../../bundles/format/open.ts'
import { BLOCK_BYTES, END_BYTES, encodeHeader, entryBytes } from '../../bundles/format/tar-header.ts'

/** A bundle that is another than it was built. */
export interface Forgery {
  name: string
  /** Writes it to a path of its own. */
  write(path: string): Promise<void>
}

const CONTENT = Buffer.alloc(BLOCK_BYTES, 'x')
const MANIFEST_BYTES = 100 * 1024 * 1024

/** What one may do to the files of a bundle, digests apart. */
export async function forgeries(from: string): Promise<Forgery[]> {
  const bundle = await openBundle(from)
  const { sizeBytes, heads, extents } = bundle
  await bundle.close()
  const endBytes = sizeBytes - END_BYTES
  const [, index] = heads
  // Neither is a manifest: those come first.
  const [before, last] = [...extents].slice(-2).map(([digest, extent]) => ({ digest, extent }))
  if (!last || !before) throw new Error(`${from} has no two blobs`)
  const startOf = ({ offsetBytes }: { offsetBytes: number }) => offsetBytes - BLOCK_BYTES
  const added = (name: string, head: Buffer): Forgery => ({
    name,
    write: (path) => join(path, from, [[0, endBytes]], Buffer.concat([head, CONTENT, Buffer.alloc(END_BYTES)])),
  })
  return [
    added('a file added', encodeHeader('blobs/extra', 5)),
    added('a blob added that nothing lists', encodeHeader(`blobs/sha256/${'a'.repeat(64)}`, 5)),
    added('a file that leads out', encodeHeader('../../../etc/cron.d/own', 5)),
    added('a file at the root', encodeHeader('/etc/cron.d/own', 5)),
    added('a link', linkHeader('blobs/sha256/link', '/etc/passwd')),
    { name: 'a blob removed', write: (path) => join(path, from, [[0, startOf(last.extent)]], Buffer.alloc(END_BYTES)) },
    {
      name: 'two blobs swapped: each has the other’s name',
      async write(path) {
        await copyFile(from, path)
        const file = await open(path, 'r+')
        const names = [
          [last, before],
          [before, last],
        ] as const
        for (const [{ extent }, { digest }] of names) {
          await file.write(encodeHeader(blobPath(digest), extent.sizeBytes), 0, BLOCK_BYTES, startOf(extent))
        }
        await file.close()
      },
    },
    {
      name: 'a blob twice',
      write: (path) =>
        join(path, from, [
          [0, endBytes],
          [startOf(last.extent), sizeBytes],
        ]),
    },
    {
      name: 'a manifest of 100 MB',
      async write(path) {
        await join(path, from, [[0, startOf(index)]], encodeHeader('index.json', MANIFEST_BYTES))
        await truncate(path, startOf(index) + entryBytes(MANIFEST_BYTES) + END_BYTES)
      },
    },
    { name: 'cut short', write: (path) => join(path, from, [[0, startOf(last.extent) + 700]]) },
    { name: 'bytes after the end', write: (path) => join(path, from, [[0, sizeBytes]], CONTENT) },
  ]
}

/** These pieces of a file, one after the other, and what comes after them. */
async function join(path: string, from: string, pieces: [start: number, end: number][], rest?: Buffer): Promise<void> {
  const to = createWriteStream(path)
  for (const [start, end] of pieces) await pipeline(createReadStream(from, { start, end: end - 1 }), to, { end: false })
  await new Promise<void>((resolve, reject) => to.once('error', reject).end(rest, resolve))
}

/** As `encodeHeader` writes a file's, of a symbolic link. */
function linkHeader(name: string, target: string): Buffer {
  const head = encodeHeader(name, 0)
  head.write('2', 156, 'latin1')
  head.write(target, 157, 'latin1')
  head.fill(' ', 148, 156)
  const sum = head.reduce((total, byte) => total + byte, 0)
  head.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return head
}
