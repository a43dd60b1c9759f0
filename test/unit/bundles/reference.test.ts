import { describe, expect, it } from 'vitest'
import { fullName, parseReference } from '../../../bundles/build/oci/reference.ts'
import { isLoopback, parseChallenge } from '../../../bundles/build/oci/registry-token.ts'

describe('parseReference', () => {
  it('takes full references apart', () => {
    expect(parseReference('docker.io/library/redis:8.0')).toEqual({
      registry: 'docker.io',
      repository: 'library/redis',
      tag: '8.0',
      digest: undefined,
    })
    expect(parseReference('localhost:5000/a/b:1')).toMatchObject({ registry: 'localhost:5000', repository: 'a/b' })
    expect(parseReference(`reg.example/x@sha256:${'0'.repeat(64)}`)).toMatchObject({ tag: undefined })
  })

  it.each([
    'redis:8.0',
    'library/redis:8.0',
    'docker.io/library/redis',
    'docker.io/Library/redis:1',
    'docker.io/a b:1',
  ])('refuses %s', (text) => expect(parseReference(text)).toBeUndefined())
})

describe('fullName', () => {
  it.each([
    ['redis:8.0', 'docker.io/library/redis:8.0'],
    ['mojaloop/central-ledger:v1', 'docker.io/mojaloop/central-ledger:v1'],
    ['gcr.io/a/b:1', 'gcr.io/a/b:1'],
    ['localhost/a:1', 'localhost/a:1'],
  ])('%s is %s', (familiar, full) => expect(fullName(familiar)).toBe(full))
})

describe('parseChallenge', () => {
  it('reads a Bearer challenge with commas within quotes', () => {
    expect(parseChallenge('Bearer realm="https://auth/token",service="reg",scope="repository:a/b:pull,push"')).toEqual({
      scheme: 'bearer',
      parameters: { realm: 'https://auth/token', service: 'reg', scope: 'repository:a/b:pull,push' },
    })
  })
})

describe('isLoopback', () => {
  it.each([
    ['127.0.0.1:5000', true],
    ['localhost', true],
    ['[::1]:80', true],
    ['127.example.com', false],
    ['10.0.0.1:5000', false],
  ])('%s: %s', (host, expected) => expect(isLoopback(host)).toBe(expected))
})
