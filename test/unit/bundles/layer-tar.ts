import { Header, type HeaderData } from 'tar'

/** What a layer has at a path: a file's content, or an entry of another type. */
export type LayerEntry = string | Pick<HeaderData, 'type' | 'linkpath'>

/** A layer as a tar, its entries in this order; each is a file unless it says otherwise. */
export function layerTar(entries: Record<string, LayerEntry>): Buffer {
  const blocks = Object.entries(entries).flatMap(([path, entry]) => {
    const content = Buffer.from(typeof entry === 'string' ? entry : '')
    const other = typeof entry === 'string' ? { type: 'File' as const } : entry
    const header = new Header({ path, mode: 0o644, uid: 0, gid: 0, size: content.length, mtime: new Date(0), ...other })
    const block = Buffer.alloc(512)
    header.encode(block)
    return [block, content, Buffer.alloc((512 - (content.length % 512)) % 512)]
  })
  return Buffer.concat([...blocks, Buffer.alloc(1024)])
}

/** A `package.json`. */
export function npm(name: string, version: string): string {
  return JSON.stringify({ name, version, license: 'MIT' })
}

/** A stanza of dpkg's status. */
export function deb(name: string, version: string, more = ''): string {
  return `Package: ${name}\nStatus: install ok installed\nArchitecture: amd64\nVersion: ${version}\n${more}Description: x\n more\n\n`
}
