import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import writeFileAtomic from 'write-file-atomic'
import { z } from 'zod'
import { Envelope, keyIdOf, signed, signersOf } from './dsse.ts'
import { MojaboxError } from './error.ts'
import { type BundleManifest, Digest } from './manifest.ts'
import { wholePath } from './parts.ts'

/** A signature has some 150 bytes; anybody may have written the file. */
const MAX_SIGNATURE_BYTES = 1024 * 1024
const PAYLOAD_TYPE = 'application/vnd.mojabox.bundle-statement.v1+json'

/** What is signed: the digest of the bundle manifest, which leads to every byte; the rest is for people. */
const Statement = z.object({ bundle: Digest, deployment: z.string(), version: z.string() })

/** Where a bundle's signatures lie: beside it (of parts, beside the first), so that signing writes no bundle anew. */
export function signaturePath(bundlePath: string): string {
  return `${wholePath(bundlePath)}.sig`
}

/**
 * Signs a bundle, beside the signatures that it has. Signatures of what was another bundle go.
 * @throws MojaboxError `signature-invalid` for a file that is none
 */
export async function signBundle(bundlePath: string, manifest: BundleManifest, key: KeyObject): Promise<void> {
  const statement = { bundle: manifest.digest, deployment: manifest.deployment, version: manifest.version }
  const payload = Buffer.from(JSON.stringify(statement)).toString('base64')
  const earlier = await readEnvelope(bundlePath)
  const kept = earlier?.payload === payload ? earlier : { payloadType: PAYLOAD_TYPE, payload, signatures: [] }
  await writeFileAtomic(signaturePath(bundlePath), `${JSON.stringify(signed(kept, key), undefined, 2)}\n`)
}

/**
 * Puts a bundle's signatures beside a copy of it (its parts), where they replace what is there.
 * @returns their path there; undefined where the bundle has none, or the copy lies beside it
 * @throws MojaboxError `signature-invalid`
 */
export async function copySignatures(bundlePath: string, copyPath: string): Promise<string | undefined> {
  const [from, to] = [signaturePath(bundlePath), signaturePath(copyPath)]
  const envelope = resolve(from) === resolve(to) ? undefined : await readEnvelope(bundlePath)
  if (envelope === undefined) return undefined
  await writeFileAtomic(to, await readFile(from))
  return to
}

/** Undefined where there are none. @throws MojaboxError `signature-invalid` */
export async function readEnvelope(bundlePath: string): Promise<Envelope | undefined> {
  const path = signaturePath(bundlePath)
  const file = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw invalid(path, error.message, error)
  })
  if (file === undefined) return undefined
  if (!file.isFile()) throw invalid(path, file.isDirectory() ? 'a folder' : 'no regular file')
  if (file.size > MAX_SIGNATURE_BYTES) throw invalid(path, `${file.size} bytes, more than ${MAX_SIGNATURE_BYTES}`)
  const text = await readFile(path, 'utf8').catch((error: Error) => Promise.reject(invalid(path, error.message, error)))
  try {
    return Envelope.parse(JSON.parse(text))
  } catch (cause) {
    throw invalid(path, cause instanceof SyntaxError ? cause.message : 'JSON of another form', cause)
  }
}

function invalid(path: string, found: string, cause?: unknown): MojaboxError {
  return new MojaboxError(
    {
      code: 'signature-invalid',
      kind: 'bundle',
      message: `${path} cannot be read as signatures`,
      found,
      needed: 'the file that `mojabox bundle sign` wrote',
      next: 'copy it again from where the bundle comes from',
    },
    { cause },
  )
}

/**
 * Checks that somebody who is trusted signed this very bundle.
 * @param flag by which the person names a key
 * @returns the IDs of the trusted keys whose signatures hold, at least one
 * @throws MojaboxError kind bundle: `bundle-unsigned`, `signature-of-another`, `signature-wrong`, `signer-unknown`
 */
export function requireSignature(
  envelope: Envelope | undefined,
  manifest: Pick<BundleManifest, 'digest'>,
  trusted: readonly KeyObject[],
  flag: '--trust' | '--key' = '--trust',
): string[] {
  const needed = `a signature by ${trusted.map(keyIdOf).join(' or ') || 'a key that is trusted'}`
  const without = flag === '--trust' ? '; to go on without: --allow-unsigned' : ''
  const copy = `copy BUNDLE.sig beside the bundle from where it comes from, or have it signed: mojabox bundle sign${without}`
  const name = `get the public key from who made it, and name that: ${flag} FILE${without}`
  const refused = (code: string, message: string, found: string, next: string, wanted = needed) =>
    new MojaboxError({ code, kind: 'bundle', message, found, needed: wanted, next })
  if (!envelope || envelope.signatures.length === 0) {
    throw refused('bundle-unsigned', 'the bundle is not signed', 'no signature', copy)
  }
  const about = Statement.safeParse(parsedPayload(envelope)).data?.bundle
  if (envelope.payloadType !== PAYLOAD_TYPE || about !== manifest.digest) {
    const found = about ? `signatures of ${about}` : 'signatures of something else'
    throw refused('signature-of-another', 'the signatures are not of this bundle', found, copy, manifest.digest)
  }
  const holding = signersOf(envelope, trusted).map(keyIdOf)
  if (holding.length > 0) return holding
  const theirs = envelope.signatures.map(({ keyid }) => keyid)
  const forged = theirs.some((keyid) => trusted.some((key) => keyIdOf(key) === keyid))
  if (forged) throw refused('signature-wrong', 'a signature of the bundle does not hold', theirs.join(', '), copy)
  throw refused('signer-unknown', 'nobody who is trusted signed the bundle', `signed by ${theirs.join(', ')}`, name)
}

/** @throws MojaboxError `key-invalid`, kind usage */
export async function readSigningKey(path: string): Promise<KeyObject> {
  return ed25519(path, 'private', createPrivateKey)
}

/** Takes the private file too: its public half is in it. @throws MojaboxError `key-invalid`, kind usage */
export async function readTrustedKey(path: string): Promise<KeyObject> {
  return ed25519(path, 'public', createPublicKey)
}

async function ed25519(path: string, half: string, read: (pem: Buffer) => KeyObject): Promise<KeyObject> {
  try {
    const key = read(await readFile(path))
    if (key.asymmetricKeyType === 'ed25519') return key
    throw new Error(`a key of type ${key.asymmetricKeyType}`)
  } catch (cause) {
    throw new MojaboxError(
      {
        code: 'key-invalid',
        kind: 'usage',
        message: `${path} cannot be read as a ${half} key`,
        found: (cause as NodeJS.ErrnoException).code === 'ENOENT' ? 'no such file' : (cause as Error).message,
        needed: `an Ed25519 ${half} key in PEM`,
        next: 'mojabox bundle keygen FILE',
      },
      { cause },
    )
  }
}

function parsedPayload({ payload }: Envelope): unknown {
  try {
    return JSON.parse(Buffer.from(payload, 'base64').toString('utf8'))
  } catch {
    return undefined
  }
}
