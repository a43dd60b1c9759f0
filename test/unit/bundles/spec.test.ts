import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { selectPlatforms, selectProfiles } from '../../../bundles/build/selection.ts'
import { parseSpec } from '../../../bundles/build/spec.ts'
import { factsOf } from '../../../bundles/format/error.ts'
import { specOf } from './build-in.ts'

const GOOD = specOf({ redis: 'docker.io/library/redis:8.0', ledger: 'docker.io/mojaloop/central-ledger:v19.5.5' })

function faultOf(text: string) {
  try {
    parseSpec(text, 'bundle.yaml')
  } catch (error) {
    return factsOf(error)
  }
  throw new Error('the spec was accepted')
}

describe('parseSpec', () => {
  it('accepts the specs of this repository', () => {
    const path = join(import.meta.dirname, '../../../bundles/core-test-harness/bundle.yaml')
    const spec = parseSpec(readFileSync(path, 'utf8'), path)
    expect(spec.deployment).toBe('core-test-harness')
    expect(Object.keys(spec.distributions)).toEqual(['debian-12', 'debian-13', 'ubuntu-22.04', 'ubuntu-24.04'])
  })

  it.each([
    ['an unknown key', GOOD.replace('deployment: test', 'deployment: test\ncolour: red'), '3:1', /colour/],
    ['a value of the wrong type', GOOD.replace('version: 1.0.0', 'version: 1'), '3:10', /^1$/],
    ['an image without a version', GOOD.replace('redis:8.0', 'redis:latest'), '6:10', /latest/],
    ['a short image name', GOOD.replace('docker.io/library/redis:8.0', 'redis:8.0'), '6:10', /redis:8.0/],
    ['a profile that names no image', GOOD.replace('redis: [redis]', 'redis: [rediss]'), '9:11', /rediss/],
    ['a path out of the folder', GOOD.replace('files: []', 'files: [{ name: a, paths: [../x] }]'), '11:28', /\.\.\/x/],
    ['no YAML', GOOD.replace('deployment: test', 'deployment: [test'), '3:1', /./],
  ])('tells line and column of %s', (_, text, position, found) => {
    const fault = faultOf(text)
    expect(fault).toMatchObject({ code: 'spec-invalid', kind: 'usage' })
    expect(fault.message).toContain(`bundle.yaml:${position}:`)
    expect(fault.found).toMatch(found)
  })

  it('says what an image must look like', () => {
    expect(faultOf(GOOD.replace('redis:8.0', 'redis:latest')).needed).toMatch(/images\.redis.*(version|reference)/)
  })

  it('tells a key that is missing by what should hold it', () => {
    const fault = faultOf(GOOD.replace('deployment: test\n', ''))
    expect(fault.message).toContain('bundle.yaml:1:1')
    expect(fault.needed).toContain('deployment')
  })
})

describe('selectProfiles', () => {
  const spec = parseSpec(GOOD, 'bundle.yaml')

  it('takes all when none is named', () => {
    expect(selectProfiles(spec, [])).toEqual(['redis', 'ledger'])
  })

  it('offers the nearest name for one that is not there', () => {
    expect(() => selectProfiles(spec, ['leger'])).toThrow(
      expect.objectContaining({
        facts: expect.objectContaining({ needed: 'did you mean ledger?', next: '--profile ledger' }),
      }),
    )
  })
})

describe('selectPlatforms', () => {
  it('refuses what is no platform', () => {
    expect(() => selectPlatforms(parseSpec(GOOD, 'x'), ['windows'])).toThrow(/not a platform/)
  })
})
