import { generateKeyPairSync } from 'node:crypto'
import { expect, it } from 'vitest'
import { signableJson, signatureFault, signatureHeaders } from '../../../agent/validate/fspiop/jws.ts'

const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
const plain = { 'fspiop-source': 'payer', 'fspiop-destination': 'payee', date: 'Thu, 26 Nov 2026 20:00:00 GMT' }
const body = signableJson({ transferId: '1', amount: { currency: 'USD', amount: '1.25' } })
const unsigned = { method: 'POST', uri: '/transfers', headers: plain, body }
const signed = { ...unsigned, headers: { ...plain, ...signatureHeaders(unsigned, privateKey) } }

it('signs so that the signature holds', () => {
  expect(signatureFault(signed, publicKey)).toBeUndefined()
  expect(signed.headers).toMatchObject({ 'fspiop-uri': '/transfers', 'fspiop-http-method': 'POST' })
})

it('says in the protected header what FSPIOP asks for', () => {
  const { protectedHeader } = JSON.parse(signatureHeaders(unsigned, privateKey)['fspiop-signature'] ?? '')
  expect(JSON.parse(Buffer.from(protectedHeader, 'base64url').toString())).toEqual({
    alg: 'RS256',
    'FSPIOP-URI': '/transfers',
    'FSPIOP-HTTP-Method': 'POST',
    'FSPIOP-Source': 'payer',
    'FSPIOP-Destination': 'payee',
    Date: plain.date,
  })
})

it.each([
  ['has no signature', { ...signed, headers: plain }, 'not signed'],
  ['was changed', { ...signed, body: body.replace('1.25', '9.25') }, 'wrong signature'],
  [
    'is said to be of another',
    { ...signed, headers: { ...signed.headers, 'fspiop-source': 'other' } },
    'signed by payer',
  ],
  ['has a signature of no shape', { ...signed, headers: { ...plain, 'fspiop-signature': 'x' } }, 'not signed'],
])('tells when a message %s', (_, message, fault) => {
  expect(signatureFault(message, publicKey)).toBe(fault)
})

it('tells when another key was used', () => {
  expect(signatureFault(signed, generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey)).toBe('wrong signature')
})

it('writes names in order, as Mojaloop’s library does before it checks', () => {
  expect(signableJson({ b: [{ d: 1, c: null }], a: 'x' })).toBe('{"a":"x","b":[{"c":null,"d":1}]}')
})
