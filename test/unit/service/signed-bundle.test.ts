import { generateKeyPairSync } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { WorkOrder } from '../../../agent/contract/work-order.ts'
import { signersOfBundle } from '../../../agent/service/signed-bundle.ts'
import { digestOf } from '../../../bundles/format/digest.ts'
import { keyIdOf, signed } from '../../../bundles/format/dsse.ts'
import { BUNDLE, orderOf } from './orders.ts'

const TYPE = 'application/vnd.mojabox.bundle-statement.v1+json'
const known = generateKeyPairSync('ed25519')
const stranger = generateKeyPairSync('ed25519')
const pem = known.publicKey.export({ type: 'spki', format: 'pem' }).toString()

function orderSigned(bundle: string, { privateKey } = known): WorkOrder {
  const payload = Buffer.from(JSON.stringify({ bundle, deployment: 'x', version: '1.0.0' })).toString('base64')
  const envelope = signed({ payloadType: TYPE, payload, signatures: [] }, privateKey)
  return WorkOrder.parse(JSON.parse(JSON.stringify(orderOf({ signature: { envelope, keys: [pem] } }))))
}

describe('a bundle on the node', () => {
  it('is looked at again for who signed it, as the order came', () => {
    expect(signersOfBundle(orderSigned(BUNDLE))).toEqual([keyIdOf(known.publicKey)])
  })

  it('is refused where nobody is trusted, and taken where the site goes on without', () => {
    expect(() => signersOfBundle(orderOf())).toThrow('not signed')
    expect(signersOfBundle(orderOf({ unsignedAllowed: true }))).toEqual([])
  })

  it('is refused where the desk sends another than was signed, or another’s signature', () => {
    expect(() => signersOfBundle(orderSigned(digestOf('another')))).toThrow('not of this bundle')
    expect(() => signersOfBundle(orderSigned(BUNDLE, stranger))).toThrow('nobody who is trusted')
  })
})
