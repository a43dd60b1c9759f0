import { createHash, createPublicKey, type KeyObject, randomBytes, sign } from 'node:crypto'
import { bits, context, integer, objectIdentifier, octets, sequence, set, text, time, truth } from './der.ts'

export interface CertificateWish {
  /** Common name of whom it is for. */
  subject: string
  /** DNS names it is valid for; an authority has none. */
  hosts: readonly string[]
  publicKey: KeyObject
  /** Who signs; an elliptic key. */
  issuer: { subject: string; key: KeyObject }
  authority: boolean
  notBefore: Date
  notAfter: Date
}

const OID = {
  ecdsaWithSha256: '1.2.840.10045.4.3.2',
  commonName: '2.5.4.3',
  basicConstraints: '2.5.29.19',
  keyUsage: '2.5.29.15',
  extendedKeyUsage: '2.5.29.37',
  subjectAlternativeName: '2.5.29.17',
  subjectKeyIdentifier: '2.5.29.14',
  authorityKeyIdentifier: '2.5.29.35',
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
}

/**
 * An X.509 certificate of version 3 (RFC 5280), PEM. Only the form is made here; keys and signatures are OpenSSL's.
 * A library for it would be ten packages, or one of a size that the executable shows.
 */
export function makeCertificate(wish: CertificateWish): string {
  const algorithm = sequence(objectIdentifier(OID.ecdsaWithSha256))
  const body = sequence(
    context(0, integer(Buffer.from([2]))),
    integer(serialNumber()),
    algorithm,
    named(wish.issuer.subject),
    sequence(time(wish.notBefore), time(wish.notAfter)),
    named(wish.subject),
    spki(wish.publicKey),
    context(3, sequence(...extensions(wish))),
  )
  const signature = sign('sha256', body, { key: wish.issuer.key, dsaEncoding: 'der' })
  const der = sequence(body, algorithm, bits(signature))
  const lines = der.toString('base64').match(/.{1,64}/g) ?? []
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`
}

/** Positive, and of full length. */
function serialNumber(): Buffer {
  const bytes = randomBytes(16)
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40
  return bytes
}

function named(commonName: string): Buffer {
  return sequence(set(sequence(objectIdentifier(OID.commonName), text(commonName))))
}

function spki(key: KeyObject): Buffer {
  return key.export({ type: 'spki', format: 'der' })
}

function keyIdentifier(key: KeyObject): Buffer {
  return createHash('sha1').update(spki(key)).digest()
}

function extensions({ hosts, publicKey, issuer, authority }: CertificateWish): Buffer[] {
  const extension = (oid: string, critical: boolean, value: Buffer) =>
    sequence(objectIdentifier(oid), ...(critical ? [truth(true)] : []), octets(value))
  // Bits from the left: certificates and revocations are signed (5, 6); or connections (0).
  const usage = authority ? bits(Buffer.from([0b00000110]), 1) : bits(Buffer.from([0b10000000]), 7)
  const hostNames = hosts.map((host) => context(2, Buffer.from(host), false))
  return [
    extension(OID.basicConstraints, true, sequence(...(authority ? [truth(true)] : []))),
    extension(OID.keyUsage, true, usage),
    extension(OID.subjectKeyIdentifier, false, octets(keyIdentifier(publicKey))),
    extension(
      OID.authorityKeyIdentifier,
      false,
      sequence(context(0, keyIdentifier(createPublicKey(issuer.key)), false)),
    ),
    ...(authority
      ? []
      : [
          extension(
            OID.extendedKeyUsage,
            false,
            sequence(objectIdentifier(OID.serverAuth), objectIdentifier(OID.clientAuth)),
          ),
          extension(OID.subjectAlternativeName, false, sequence(...hostNames)),
        ]),
  ]
}
