import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { LineCounter, parseDocument } from 'yaml'
import type { ComposeOverride } from '../../agent/contract/work-order.ts'
import { MojaboxError } from '../../bundles/format/error.ts'

/** What a file may be at most, bytes: it travels in every order. */
const MAX_BYTES = 1024 * 1024

/**
 * Reads a site's own Compose files, in their order. What is in them is judged on the node, where the services are known.
 * @throws MojaboxError `override-unreadable`, kind usage, with line and column
 */
export function readOverrides(paths: readonly string[]): Promise<ComposeOverride[]> {
  return Promise.all(paths.map(readOverride))
}

async function readOverride(path: string): Promise<ComposeOverride> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw unreadable(path, error.code === 'ENOENT' ? 'no such file' : error.message, error)
  })
  if (Buffer.byteLength(text) > MAX_BYTES) throw unreadable(path, `${text.length} characters, more than 1 MiB`)
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, merge: true, prettyErrors: false })
  const [error] = document.errors
  if (error) {
    const { line, col } = lines.linePos(error.pos[0])
    throw unreadable(`${path}:${line}:${col}`, error.message, error)
  }
  const content: unknown = document.toJS({ maxAliasCount: 100 })
  if (typeof content !== 'object' || content === null || Array.isArray(content)) {
    throw unreadable(path, Array.isArray(content) ? 'a list' : 'no map')
  }
  return { file: basename(path), content: content as Record<string, unknown> }
}

function unreadable(where: string, found: string, cause?: unknown): MojaboxError {
  return new MojaboxError(
    {
      code: 'override-unreadable',
      kind: 'usage',
      message: `reading a Compose file of the site: ${where}: ${found}`,
      found,
      needed: 'a Compose file: a map with `services`',
      next: 'correct the file, or `composeOverrides` in mojabox.yaml, then run the same command again',
    },
    { cause },
  )
}
