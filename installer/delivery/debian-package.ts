import { Readable } from 'node:stream'
import { gzipSync } from 'node:zlib'
import { END_BYTES, encodeHeader, paddingBytes } from '../../bundles/format/tar-header.ts'

/** `dpkg-deb` reads no further without one, and looks into nothing of it. */
const CONTROL = Buffer.from(
  'Package: mojabox\nVersion: 0\nArchitecture: all\nMaintainer: mojabox\nDescription: mojabox\n',
)

/**
 * A tar that zstd compressed, as the content of a Debian binary package (deb(5)): a host without a zstd of its own has
 * one in dpkg, and `dpkg-deb --fsys-tarfile -` unpacks it from a stream. Nothing is installed.
 * @returns all bytes of it, and how many they are
 */
export function debianPackage(data: Readable, dataBytes: number): { sizeBytes: number; stream: Readable } {
  const head = Buffer.concat([
    Buffer.from('!<arch>\n'),
    member('debian-binary', Buffer.from('2.0\n')),
    member('control.tar.gz', gzipSync(tarOf('control', CONTROL))),
    memberHeader('data.tar.zst', dataBytes),
  ])
  const tail = padding(dataBytes)
  const pieces = async function* (): AsyncGenerator<Buffer> {
    yield head
    yield* data
    yield tail
  }
  const stream = Readable.from(pieces(), { objectMode: false })
  return { sizeBytes: head.length + dataBytes + tail.length, stream }
}

/** A file of an ar archive (deb(5), ar(5)): 60 bytes of header, then its content, at even offsets. */
function member(name: string, content: Buffer): Buffer {
  return Buffer.concat([memberHeader(name, content.length), content, padding(content.length)])
}

function memberHeader(name: string, sizeBytes: number): Buffer {
  const [time, user, group, mode] = ['0'.padEnd(12), '0'.padEnd(6), '0'.padEnd(6), '100644'.padEnd(8)]
  return Buffer.from(`${name.padEnd(16)}${time}${user}${group}${mode}${String(sizeBytes).padEnd(10)}\`\n`)
}

function padding(sizeBytes: number): Buffer {
  return Buffer.alloc(sizeBytes % 2, '\n')
}

function tarOf(path: string, content: Buffer): Buffer {
  return Buffer.concat([
    encodeHeader(path, content.length),
    content,
    Buffer.alloc(paddingBytes(content.length) + END_BYTES),
  ])
}
