import { createHash, createPublicKey, type KeyObject, sign, verify } from 'node:crypto'
import { z } from 'zod'

/**
 * A signed statement, as DSSE has it (Dead Simple Signing Envelope 1.0, github.com/secure-systems-lab/dsse): what Sigstore
 * and in-toto write, so that their tools read it. It signs the type with the payload, and needs no canonical JSON.
 */
export const Envelope = z.object({
  payloadType: z.string(),
  /** Base64. */
  payload: z.base64(),
  signatures: z.array(z.object({ keyid: z.string(), sig: z.base64() })),
})
export type Envelope = z.infer<typeof Envelope>

/** Names a key: the first 16 hexadecimal digits of the SHA-256 of its public half (SPKI, DER). */
export function keyIdOf(key: KeyObject): string {
  const publicKey = key.type === 'private' ? createPublicKey(key) : key
  const der = publicKey.export({ type: 'spki', format: 'der' })
  return createHash('sha256').update(der).digest('hex').slice(0, 16)
}

/** The same envelope with this key's signature (Ed25519) in it, in place of an earlier one of the same key. */
export function signed(envelope: Envelope, privateKey: KeyObject): Envelope {
  const keyid = keyIdOf(privateKey)
  const sig = sign(null, encoded(envelope), privateKey).toString('base64')
  const others = envelope.signatures.filter((each) => each.keyid !== keyid)
  return { ...envelope, signatures: [...others, { keyid, sig }] }
}

/** The keys of these whose signature holds. */
export function signersOf(envelope: Envelope, publicKeys: readonly KeyObject[]): KeyObject[] {
  const bytes = encoded(envelope)
  return publicKeys.filter((key) =>
    envelope.signatures.some(
      ({ keyid, sig }) => keyid === keyIdOf(key) && verify(null, bytes, key, Buffer.from(sig, 'base64')),
    ),
  )
}

/** DSSE's pre-authentication encoding: what is signed. */
function encoded({ payloadType, payload }: Envelope): Buffer {
  const body = Buffer.from(payload, 'base64')
  return Buffer.concat([Buffer.from(`DSSEv1 ${Buffer.byteLength(payloadType)} ${payloadType} ${body.length} `), body])
}
