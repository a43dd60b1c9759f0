import { createHash } from 'node:crypto'
import { expect, it } from 'vitest'
import { fulfils, makeIlp } from '../../../agent/validate/fspiop/ilp.ts'

const TRANSACTION = {
  amount: { amount: '1.25', currency: 'USD' },
  payee: { partyIdInfo: { fspId: 'mojaboxpayee', partyIdType: 'MSISDN', partyIdentifier: '99900000001' } },
  payer: { partyIdInfo: { fspId: 'a', partyIdType: 'MSISDN', partyIdentifier: '1' } },
  transactionId: 'b51ec534-ee48-4575-b6a9-ead2955b8069',
}
const terms = (transaction: object) =>
  makeIlp({ transaction, amount: 125n, account: 'g.mojaboxpayee.msisdn.99900000001', secret: Buffer.from('czNjcjN0') })

it('makes what Mojaloop’s own library makes of the same', () => {
  // By @mojaloop/sdk-standard-components 19.19.1, ILP version 1, with the secret `s3cr3t` (which it takes as base64).
  const { ilpPacket, fulfilment, condition } = terms(TRANSACTION)
  expect(fulfilment).toBe('Eblj3UU5PZGwZG7SQW6vf7bR2_VlbZ_uQWptldL7v1U')
  expect(condition).toBe('YjEArBLi3JVKmg7C3FrZkSsPHo748c3p5W89CQ8M1_A')
  expect(ilpPacket.slice(0, 80)).toBe(
    'AYIBrQAAAAAAAAB9IWcubW9qYWJveHBheWVlLm1zaXNkbi45OTkwMDAwMDAwMYIBf2V5SmhiVzkxYm5R',
  )
  expect(createHash('sha256').update(ilpPacket).digest('hex')).toBe(
    '93d78aa9c4ec011270e7a3b0170d2770d28867e773e15c7300fdf6b3bc124a1f',
  )
})

it('binds the packet to the amount, the account and the transaction', () => {
  const bytes = Buffer.from(terms(TRANSACTION).ilpPacket, 'base64url')
  expect(bytes[0]).toBe(1)
  expect(bytes.includes('g.mojaboxpayee.msisdn.99900000001')).toBe(true)
  const data = bytes.subarray(bytes.indexOf('eyJ'), -1).toString()
  expect(JSON.parse(Buffer.from(data, 'base64url').toString())).toEqual(TRANSACTION)
})

it.each([1, 100, 128, 300, 70_000])('writes the length of %i bytes so that it can be read back', (size) => {
  const bytes = Buffer.from(terms({ note: 'x'.repeat(size) }).ilpPacket, 'base64url')
  const first = bytes[1] ?? 0
  const after = first < 0x80 ? 2 : 2 + (first & 0x7f)
  const length = first < 0x80 ? first : bytes.readUIntBE(2, first & 0x7f)
  expect(length).toBe(bytes.length - after)
})

it('knows a fulfilment from anything else', () => {
  const { fulfilment, condition } = terms(TRANSACTION)
  expect(fulfils(fulfilment, condition)).toBe(true)
  expect(fulfils(terms({}).fulfilment, condition)).toBe(false)
  expect(fulfils('', condition)).toBe(false)
  expect(fulfils(fulfilment.slice(0, 20), condition)).toBe(false)
})
