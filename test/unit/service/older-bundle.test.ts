import { describe, expect, it } from 'vitest'
import { refuseOlder } from '../../../agent/service/older-bundle.ts'

const bundle = (version: string) => ({ deployment: 'core-test-harness', version })
const installed = { bundleVersion: '2.15.1' }

describe('a bundle on a node where another is installed', () => {
  it('is taken when it is as new or newer, and where nothing is installed', () => {
    for (const version of ['2.15.1', '2.15.2', '2.16.0', '10.0.0'])
      expect(() => refuseOlder(installed, bundle(version), { downgradeAllowed: false })).not.toThrow()
    expect(() => refuseOlder(undefined, bundle('1.0.0'), { downgradeAllowed: false })).not.toThrow()
  })

  it('is refused when it is older, until the person says so', () => {
    for (const version of ['2.15.0', '2.9.9', '1.99.99']) {
      expect(() => refuseOlder(installed, bundle(version), { downgradeAllowed: false })).toThrow(
        expect.objectContaining({ facts: expect.objectContaining({ code: 'bundle-older', kind: 'bundle' }) }),
      )
      expect(() => refuseOlder(installed, bundle(version), { downgradeAllowed: true })).not.toThrow()
    }
  })
})
