import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Digest } from '../../bundles/format/manifest.ts'

/** A blob that may be handed out over HTTP, and how to read it from an offset. */
export interface MirrorBlob {
  sizeBytes: number
  read(offsetBytes: number): AsyncIterable<Buffer>
  /** Called once per request when its body ended: whole, or cut. */
  done?(whole: boolean): void
}

/** Answers a request for a blob, with a range or whole; 404 without one. Its `done` is called in any case. */
export async function answerBlob(
  blob: MirrorBlob | undefined,
  digest: Digest,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (!blob) return notFound(response, 'BLOB_UNKNOWN')
  const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? -1)
  const offset = from >= 0 && from < blob.sizeBytes ? from : 0
  response.writeHead(from >= 0 ? 206 : 200, {
    'Content-Type': 'application/octet-stream',
    'Content-Length': blob.sizeBytes - offset,
    'Docker-Content-Digest': digest,
    'Accept-Ranges': 'bytes',
    ...(from >= 0 && { 'Content-Range': `bytes ${offset}-${blob.sizeBytes - 1}/${blob.sizeBytes}` }),
  })
  let takenBytes = 0
  let given = false
  let ended = false
  try {
    if (request.method === 'HEAD') return void response.end()
    response.flushHeaders()
    for await (const piece of blob.read(offset)) {
      if (response.destroyed) return
      const room = response.write(piece, (error) => {
        if (!error) takenBytes += piece.length
      })
      if (!room) await drained(response)
    }
    given = true
    ended = await wasTaken(response)
  } finally {
    // A daemon may hang up once it has every byte, before the end was said.
    blob.done?.(ended || (given && takenBytes === blob.sizeBytes - offset))
  }
}

/** True when the last byte was taken, false when the other side went away before. */
function wasTaken(response: ServerResponse): Promise<boolean> {
  if (response.destroyed) return Promise.resolve(false)
  return new Promise((resolve) => {
    response.on('close', () => resolve(response.writableFinished))
    response.end(() => resolve(true))
  })
}

function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const settle = () => {
      response.off('drain', settle).off('close', settle)
      resolve()
    }
    response.on('drain', settle).on('close', settle)
  })
}

/** An answer as a registry gives it. */
export function notFound(response: ServerResponse, code: string): void {
  response.writeHead(404, { 'Content-Type': 'application/json' })
  response.end(JSON.stringify({ errors: [{ code, message: 'not in this bundle' }] }))
}
