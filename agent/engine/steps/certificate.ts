import { createPrivateKey, generateKeyPairSync, type KeyObject, X509Certificate } from 'node:crypto'
import { rm } from 'node:fs/promises'
import type { StepHandler } from '../../contract/step.ts'
import { makeCertificate } from '../../store/make-certificate.ts'
import { keepSecret, secretPath, secretValue } from '../../store/secrets.ts'

export interface CertificateParams {
  /** Kept as two secrets: NAME-key and NAME-certificate. */
  name: string
  /** The authority that signs it, the name of an earlier such step; an authority signs itself. */
  issuer?: string
  /** DNS names it is valid for. */
  hosts: string[]
}

const DAY_MS = 86_400_000
const VALID_MS = 3650 * DAY_MS
/** One that ends sooner is made anew. */
const RENEW_MS = 30 * DAY_MS

/** A certificate and its key for TLS, made on the node. PEM. */
export const certificate: StepHandler<CertificateParams> = {
  keepsData: true,

  describe: ({ name, issuer }) => (issuer ? `certificate ${name}, signed by ${issuer}` : `authority ${name}`),

  async isDone(_context, params) {
    const issuer = await pairOf(params.issuer ?? params.name)
    const own = await pairOf(params.name)
    return issuer !== undefined && own !== undefined && fits(own, issuer, params)
  },

  async apply(_context, params) {
    const { name, hosts } = params
    const issuer = params.issuer === undefined ? undefined : await pairOf(params.issuer)
    if (params.issuer !== undefined && issuer === undefined) throw new Error(`no authority ${params.issuer}`)
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
    const now = Date.now()
    const made = makeCertificate({
      subject: name,
      hosts,
      publicKey,
      issuer: { subject: params.issuer ?? name, key: issuer?.key ?? privateKey },
      authority: issuer === undefined,
      // Clocks of one site differ.
      notBefore: new Date(now - DAY_MS),
      notAfter: new Date(now + VALID_MS),
    })
    await keepSecret(`${name}-key`, privateKey.export({ type: 'pkcs8', format: 'pem' }).toString())
    await keepSecret(`${name}-certificate`, made)
  },

  async undo(context, { name }) {
    if (!context.order.deleteData) return
    for (const part of ['key', 'certificate']) await rm(secretPath(`${name}-${part}`), { force: true })
  },
}

interface Pair {
  key: KeyObject
  certificate: X509Certificate
}

/** Undefined where one of the two is missing or damaged, or they do not belong together. */
async function pairOf(name: string): Promise<Pair | undefined> {
  const [key, text] = await Promise.all([secretValue(`${name}-key`), secretValue(`${name}-certificate`)])
  if (key === undefined || text === undefined) return undefined
  try {
    const pair = { key: createPrivateKey(key), certificate: new X509Certificate(text) }
    return pair.certificate.checkPrivateKey(pair.key) ? pair : undefined
  } catch {
    return undefined
  }
}

function fits({ certificate: own }: Pair, { certificate: issuer }: Pair, params: CertificateParams): boolean {
  return (
    own.checkIssued(issuer) &&
    own.verify(issuer.publicKey) &&
    own.ca === (params.issuer === undefined) &&
    Date.parse(own.validTo) > Date.now() + RENEW_MS &&
    params.hosts.every((host) => own.checkHost(host) !== undefined)
  )
}
