import type { z } from 'zod'
import { MojaboxError } from './error.ts'
import { type Digest, OciIndex, OciManifest } from './manifest.ts'

/** @throws MojaboxError `bundle-corrupt` */
export function parseManifest(json: unknown, digest: Digest): OciManifest {
  const parsed = OciManifest.safeParse(json)
  if (!parsed.success)
    throw corruptDocument(`reading manifest ${digest}`, issueText(parsed.error), 'an OCI image manifest')
  return parsed.data
}

/** @throws MojaboxError `bundle-corrupt` */
export function parseIndex(json: unknown, digest: Digest): OciIndex {
  const parsed = OciIndex.safeParse(json)
  if (!parsed.success) throw corruptDocument(`reading index ${digest}`, issueText(parsed.error), 'an OCI image index')
  return parsed.data
}

/** Reads a whole blob, digest checked. */
type ReadBlob = (digest: Digest) => Promise<Uint8Array>

/** A manifest from whoever reads blobs whole. @throws MojaboxError `bundle-corrupt` */
export async function manifestFrom(readBlob: ReadBlob, digest: Digest): Promise<OciManifest> {
  return parseManifest(parseJson(await readBlob(digest)), digest)
}

/** The same of an index. @throws MojaboxError `bundle-corrupt` */
export async function indexFrom(readBlob: ReadBlob, digest: Digest): Promise<OciIndex> {
  return parseIndex(parseJson(await readBlob(digest)), digest)
}

/** JSON of bytes, or undefined where they are none: the schema that follows says so better. */
export function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString('utf8'))
  } catch {
    return undefined
  }
}

/** The first thing that a schema found wrong. */
export function issueText(error: z.ZodError): string {
  const issue = error.issues[0]
  return issue === undefined ? 'something else' : `${issue.path.join('.') || 'the document'}: ${issue.message}`
}

/** What is wrong with a document of the bundle. */
export function corruptDocument(message: string, found: string, needed: string): MojaboxError {
  return new MojaboxError({
    code: 'bundle-corrupt',
    kind: 'bundle',
    message,
    found,
    needed,
    next: 'copy the bundle again, or build it again',
  })
}
