import { generateKeyPairSync, randomBytes, X509Certificate } from 'node:crypto'
import { makeCertificate } from './make-certificate.ts'

/** What a host shows to the others of one run: made for it, kept in memory, gone with it. */
export interface RunIdentity {
  /** PEM. */
  key: string
  /** PEM. */
  certificate: string
  /** SHA-256 of the certificate, as OpenSSL writes it: `AB:CD:…`. */
  fingerprint: string
  /** Of which tickets for this host are made. */
  secret: string
}

const DAY_MS = 86_400_000
const NAME = 'mojabox-seeding'

export function makeRunIdentity(): RunIdentity {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
  const now = Date.now()
  const certificate = makeCertificate({
    subject: NAME,
    hosts: [NAME],
    publicKey,
    issuer: { subject: NAME, key: privateKey },
    authority: false,
    // Whom it is from is said by its fingerprint alone; clocks of one site differ.
    notBefore: new Date(now - DAY_MS),
    notAfter: new Date(now + DAY_MS),
  })
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  const { fingerprint256: fingerprint } = new X509Certificate(certificate)
  return { key, certificate, fingerprint, secret: randomBytes(32).toString('hex') }
}
