import { Readable } from 'node:stream'
import { END_BYTES, encodeHeader, paddingBytes } from '../../bundles/format/tar-header.ts'
import type { Sendable } from './executable.ts'

/** `dpkg-deb` reads no further without one, and looks into nothing of it. */
const CONTROL = Buffer.from(
  'Package: mojabox\nVersion: 0\nArchitecture: all\nMaintainer: mojabox\nDescription: mojabox\n',
)

/**
 * A tar that zstd compressed, as the content of a Debian binary package (deb(5)): a host without a zstd of its own has
 * one in dpkg, and `dpkg-deb --fsys-tarfile -` unpacks it from a stream. Nothing is installed. The digest stays the tar's.
 */
export function debianPackage({ sha256, sizeBytes, open }: Sendable): Sendable {
  const head = Buffer.concat([
    Buffer.from('!<arch>\n'),
    member('debian-binary', Buffer.from('2.0\n')),
    member('control.tar', tarOf('control', CONTROL)),
    memberHeader('data.tar.zst', sizeBytes),
  ])
  const tail = padding(sizeBytes)
  const pieces = async function* (offset: number): AsyncGenerator<Buffer> {
    yield head.subarray(offset)
    if (offset < head.length + sizeBytes) yield* open(Math.max(0, offset - head.length))
    yield tail.subarray(Math.max(0, offset - head.length - sizeBytes))
  }
  return {
    sha256,
    sizeBytes: head.length + sizeBytes + tail.length,
    open: (offset) => Readable.from(pieces(offset), { objectMode: false }),
  }
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
