import { createHash, createHmac, timingSafeEqual } from 'node:crypto'

/** The terms of a payment as FSPIOP carries them; each in base64url without padding. */
export interface Ilp {
  /** 32 bytes that only the payee's DFSP can know beforehand. */
  fulfilment: string
  /** Its SHA-256. */
  condition: string
  /** An ILP version 1 payment packet whose data is the transaction. */
  ilpPacket: string
}

export interface IlpTerms {
  /** As in FSPIOP; what the packet binds the payment to. */
  transaction: object
  /** In the currency's smallest unit. */
  amount: bigint
  /** ILP address of the payee, for example `g.dfsp.msisdn.123`. */
  account: string
  /** The payee's DFSP alone knows it. */
  secret: Buffer
}

const PAYMENT = 1

/** Packet, condition and fulfilment of a quote, as the payee's DFSP makes them. */
export function makeIlp({ transaction, amount, account, secret }: IlpTerms): Ilp {
  const data = Buffer.from(Buffer.from(JSON.stringify(transaction)).toString('base64url'))
  const ilpPacket = paymentPacket(amount, account, data).toString('base64url')
  const fulfilment = createHmac('sha256', secret).update(ilpPacket).digest()
  return { ilpPacket, fulfilment: fulfilment.toString('base64url'), condition: conditionOf(fulfilment) }
}

/** Is this the preimage that was asked for? */
export function fulfils(fulfilment: string, condition: string): boolean {
  const preimage = Buffer.from(fulfilment, 'base64url')
  if (preimage.length !== 32) return false
  const [made, wanted] = [Buffer.from(conditionOf(preimage)), Buffer.from(condition)]
  return made.length === wanted.length && timingSafeEqual(made, wanted)
}

function conditionOf(preimage: Buffer): string {
  return createHash('sha256').update(preimage).digest('base64url')
}

/** In OER: the packet's type, then with its length: the amount in eight bytes, account, data, and no extensions. */
function paymentPacket(amount: bigint, account: string, data: Buffer): Buffer {
  const amountBytes = Buffer.alloc(8)
  amountBytes.writeBigUInt64BE(amount)
  const contents = Buffer.concat([
    amountBytes,
    withLength(Buffer.from(account, 'ascii')),
    withLength(data),
    Buffer.of(0),
  ])
  return Buffer.concat([Buffer.of(PAYMENT), withLength(contents)])
}

/** Below 128 the length is one byte; else that byte says in how many bytes the length follows. */
function withLength(bytes: Buffer): Buffer {
  if (bytes.length < 128) return Buffer.concat([Buffer.of(bytes.length), bytes])
  const digits = bytes.length.toString(16)
  const length = Buffer.from(digits.padStart(digits.length + (digits.length % 2), '0'), 'hex')
  return Buffer.concat([Buffer.of(0x80 | length.length), length, bytes])
}
