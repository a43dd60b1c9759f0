import { createHash, type Hash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, open, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import type { BlobSource } from '../format/blob-source.ts'
import { digestOf, hexOf } from '../format/digest.ts'
import { MojaboxError } from '../format/error.ts'
import type { Digest } from '../format/manifest.ts'
import { corruptBlob } from '../format/read-artifact.ts'
import { diskFull } from './disk-full.ts'
import { type HttpOptions, PassingFault, withRetries } from './http.ts'

/** Content on its way: `startBytes` is where in the blob the stream begins, which may be 0 although more was asked for. */
export interface Incoming {
  startBytes: number
  stream: Readable
}

/** Opens a blob's content at an offset, as far as the origin can. */
export type OpenOrigin = (offsetBytes: number) => Promise<Incoming>

export interface EnsureOptions {
  /** For messages: what the blob is. */
  what: string
  sizeBytes: number | undefined
  signal: AbortSignal
  /** Bytes that have arrived, or were there; negative when an origin begins again. */
  onBytes: (bytes: number) => void
}

/** Blobs by digest on the building machine: `blobs/sha256/…`, kept between builds. Facts about them lie beside. */
export interface Cache extends BlobSource {
  readonly folder: string
  pathOf(digest: Digest): string
  /** Makes a blob be here, from where an earlier run stopped. @throws MojaboxError `digest-mismatch`, `disk-full` */
  ensure(digest: Digest, openOrigin: OpenOrigin, options: EnsureOptions): Promise<void>
  /** Puts bytes that are in memory, and gives their digest. */
  put(bytes: Uint8Array): Promise<Digest>
  /** Takes a finished file of this cache's `scratch` folder in as a blob. */
  adopt(path: string, digest: Digest): Promise<void>
  /** A path for a file on its way, unique to this process. */
  scratch(): string
  drop(digest: Digest): Promise<void>
  /** Something known about content, such as its unpacked size; computed once, kept beside the blobs. */
  fact(digest: Digest, name: string, compute: () => Promise<string>): Promise<string>
}

/** `$MOJABOX_CACHE`, or `~/.cache/mojabox`. */
export function cacheFolder(env: NodeJS.ProcessEnv): string {
  return env.MOJABOX_CACHE || join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'mojabox')
}

export async function openCache(folder: string, retry: HttpOptions = {}): Promise<Cache> {
  const blobs = join(folder, 'blobs', 'sha256')
  const facts = join(folder, 'facts')
  for (const path of [blobs, facts])
    await mkdir(path, { recursive: true }).catch((error) => Promise.reject(diskFull(error, path)))
  const pathOf = (digest: Digest): string => join(blobs, hexOf(digest))
  const sizeOf = (digest: Digest): Promise<number | undefined> => fileSize(pathOf(digest))
  const running = new Map<Digest, Promise<void>>()
  const computing = new Map<string, Promise<string>>()
  let scratchCount = 0
  const cache: Cache = {
    folder,
    pathOf,
    sizeOf,
    read: (digest, offsetBytes = 0) =>
      createReadStream(pathOf(digest), { start: offsetBytes, highWaterMark: 256 * 1024 }),
    async ensure(digest, openOrigin, options) {
      // Images share layers: who asks second waits for the first.
      const other = running.get(digest)
      if (other !== undefined) {
        await other
        options.onBytes((await sizeOf(digest)) ?? 0)
        return
      }
      const task = ensureBlob({ blobs, digest, openOrigin, options, retry }).finally(() => running.delete(digest))
      running.set(digest, task)
      await task
    },
    async put(bytes) {
      const digest = digestOf(bytes)
      if ((await sizeOf(digest)) === bytes.length) return digest
      const path = cache.scratch()
      await writeFile(path, bytes).catch((error) => Promise.reject(diskFull(error, path)))
      await rename(path, pathOf(digest))
      return digest
    },
    adopt: (path, digest) => rename(path, pathOf(digest)),
    scratch: () => join(blobs, `scratch-${process.pid}-${scratchCount++}`),
    drop: (digest) => rm(pathOf(digest), { force: true }),
    fact(digest, name, compute) {
      const path = join(facts, `${hexOf(digest)}.${name}`)
      // Images share layers: their facts are asked for at the same time.
      const task = computing.get(path) ?? knownOrComputed(path, compute).finally(() => computing.delete(path))
      computing.set(path, task)
      return task
    },
  }
  return cache
}

async function knownOrComputed(path: string, compute: () => Promise<string>): Promise<string> {
  const known = await readFile(path, 'utf8').catch(() => '')
  if (known !== '') return known
  const value = await compute()
  await writeFile(`${path}.${process.pid}`, value)
  await rename(`${path}.${process.pid}`, path)
  return value
}

interface EnsureTask {
  blobs: string
  digest: Digest
  openOrigin: OpenOrigin
  options: EnsureOptions
  retry: HttpOptions
}

async function ensureBlob({ blobs, digest, openOrigin, options, retry }: EnsureTask): Promise<void> {
  const finalPath = join(blobs, hexOf(digest))
  const present = await fileSize(finalPath)
  if (present !== undefined && (options.sizeBytes === undefined || present === options.sizeBytes)) {
    options.onBytes(present)
    return
  }
  const partial = await takePartial(blobs, digest)
  const hash = createHash('sha256')
  const state = { path: partial, hash, bytes: await hashFile(partial, hash) }
  if (state.bytes > (options.sizeBytes ?? Number.POSITIVE_INFINITY)) {
    // Not a beginning of this blob.
    await rm(partial, { force: true })
    Object.assign(state, { hash: createHash('sha256'), bytes: 0 })
  }
  options.onBytes(state.bytes)
  await withRetries(() => receive(state, openOrigin, options), options.signal, retry).catch((error) => {
    throw error instanceof PassingFault ? broken(options, state.bytes, error) : error
  })
  const found: Digest = `sha256:${state.hash.digest('hex')}`
  if (found !== digest) {
    await rm(partial, { force: true })
    throw mismatch(options.what, digest, found)
  }
  await rename(partial, finalPath)
}

interface Receiving {
  path: string
  hash: Hash
  bytes: number
}

/** Appends what arrives; a fault that may pass leaves what has arrived for the next try. */
async function receive(state: Receiving, openOrigin: OpenOrigin, options: EnsureOptions): Promise<void> {
  if (options.sizeBytes !== undefined && state.bytes === options.sizeBytes) return
  const { startBytes, stream } = await openOrigin(state.bytes)
  const file = await open(state.path, startBytes === state.bytes ? 'a' : 'w')
  try {
    if (startBytes !== state.bytes) {
      if (startBytes !== 0) throw new Error(`an origin began at byte ${startBytes}, asked for ${state.bytes}`)
      options.onBytes(-state.bytes)
      state.hash = createHash('sha256')
      state.bytes = 0
    }
    for await (const chunk of readable(stream, options)) {
      await file.writeFile(chunk).catch((error) => Promise.reject(diskFull(error, state.path)))
      state.hash.update(chunk)
      state.bytes += chunk.length
      options.onBytes(chunk.length)
      if (options.sizeBytes !== undefined && state.bytes > options.sizeBytes)
        throw tooLong(options.what, options.sizeBytes)
    }
  } finally {
    stream.destroy()
    await file.close()
  }
  if (options.sizeBytes !== undefined && state.bytes < options.sizeBytes) {
    throw new PassingFault(
      `getting ${options.what}: the stream ended after ${state.bytes} of ${options.sizeBytes} bytes`,
    )
  }
}

/** The stream's chunks; a break of the stream is a fault that may pass, an abort is not. */
async function* readable(stream: Readable, { signal, what }: EnsureOptions): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of stream) {
      signal.throwIfAborted()
      yield chunk
    }
  } catch (error) {
    signal.throwIfAborted()
    if (error instanceof MojaboxError) throw error
    throw new PassingFault(`getting ${what}: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    })
  }
}

/**
 * The unfinished file of an earlier run, taken over by renaming: its name holds the process that writes it, so that
 * two builds at once never write the same file.
 */
async function takePartial(blobs: string, digest: Digest): Promise<string> {
  const mine = join(blobs, `${hexOf(digest)}.${process.pid}.partial`)
  for (const name of await readdir(blobs)) {
    const [hex, pid, suffix] = name.split('.')
    if (hex !== hexOf(digest) || suffix !== 'partial' || isAlive(Number(pid))) continue
    await rename(join(blobs, name), mine).catch(() => undefined)
  }
  return mine
}

function isAlive(pid: number): boolean {
  if (pid === process.pid) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

async function hashFile(path: string, hash: Hash): Promise<number> {
  let bytes = 0
  if ((await fileSize(path)) === undefined) return 0
  for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024 })) {
    hash.update(chunk)
    bytes += chunk.length
  }
  return bytes
}

async function fileSize(path: string): Promise<number | undefined> {
  return (await stat(path).catch(() => undefined))?.size
}

function mismatch(what: string, digest: Digest, found: string): MojaboxError {
  const { facts } = corruptBlob(digest, found)
  return new MojaboxError({
    ...facts,
    code: 'digest-mismatch',
    message: `getting ${what}: what arrived is not what was named`,
    next: 'run the same command again; if it stays so, the origin serves damaged content: use another (--mirror, --apt-mirror)',
  })
}

function broken({ what, sizeBytes }: EnsureOptions, bytes: number, cause: PassingFault): MojaboxError {
  return new MojaboxError(
    {
      code: 'transfer-broken',
      kind: 'host',
      message: `getting ${what}: broken off again and again`,
      found: `${bytes} bytes (${cause.message})`,
      needed: sizeBytes === undefined ? 'all of it' : `${sizeBytes} bytes`,
      next: 'run the same command again: it goes on where it stopped',
    },
    { cause },
  )
}

function tooLong(what: string, sizeBytes: number): MojaboxError {
  return new MojaboxError({
    code: 'digest-mismatch',
    kind: 'bundle',
    message: `getting ${what}: what arrived is not what was named`,
    found: `more than ${sizeBytes} bytes`,
    needed: `${sizeBytes} bytes`,
    next: 'use another origin (--mirror, --apt-mirror)',
  })
}
