import { describe, expect, it } from 'vitest'
import { disk as check } from '../../../../agent/preflight/checks/disk.ts'
import { disk, healthyHost, ordinaryNeeds } from '../healthy-host.ts'

function run(disks: ReturnType<typeof disk>[]) {
  return check.run({ ...healthyHost(), disks }, ordinaryNeeds())
}

describe('disk', () => {
  it('adds up what lies on one file system and says the exact shortfall', () => {
    const finding = run([disk('/var/lib/docker', { freeBytes: 3.1e9 }), disk('/var/lib/mojabox', { freeBytes: 3.1e9 })])
    expect(finding).toMatchObject({
      status: 'fail',
      found: '3.1 GB free on /var (ext4, /dev/sda2)',
      needed: '5.4 GB: images 3.2 GB, data 2.0 GB, store 200 MB (on /var)',
    })
    expect(finding.fix).toMatch(/^free 2\.3 GB on \/var, or mount a larger disk at \/var\/lib\/docker/)
  })

  it('passes with exactly enough and fails with one byte less', () => {
    const both = (freeBytes: number) =>
      run([disk('/var/lib/docker', { freeBytes }), disk('/var/lib/mojabox', { freeBytes })])
    expect(both(5.4e9).status).toBe('pass')
    expect(both(5.4e9 - 1).status).toBe('fail')
  })

  it('never rounds a shortfall away', () => {
    const finding = run([
      disk('/var/lib/docker', { freeBytes: 5.39e9 }),
      disk('/var/lib/mojabox', { freeBytes: 5.39e9 }),
    ])
    expect(finding.found).toContain('5.3 GB free')
    expect(finding.fix).toContain('free 10 MB')
  })

  it('knows a bind mount for the same file system', () => {
    const finding = run([
      disk('/var/lib/docker', { freeBytes: 5.3e9, mountPoint: '/var/lib/docker' }),
      disk('/var/lib/mojabox', { freeBytes: 5.3e9, mountPoint: '/' }),
    ])
    expect(finding.status).toBe('fail')
  })

  it('judges two file systems each for itself and names only the short one', () => {
    const finding = run([
      disk('/var/lib/docker'),
      disk('/var/lib/mojabox', { filesystem: '8:1', mountPoint: '/', device: '/dev/sda1', freeBytes: 0.1e9 }),
    ])
    expect(finding.found).toBe('100 MB free on / (ext4, /dev/sda1)')
    expect(finding.needed).toBe('200 MB for store (on /)')
  })

  it('fails when there is room but no more files fit', () => {
    const finding = run([disk('/var/lib/docker', { inodesFree: 900 }), disk('/var/lib/mojabox', { inodesFree: 900 })])
    expect(finding).toMatchObject({ status: 'fail', found: 'room for 900 more files on /var (ext4, /dev/sda2)' })
  })

  it('does not count files where the file system does not', () => {
    const finding = run([disk('/var/lib/docker', { inodesFree: null }), disk('/var/lib/mojabox', { inodesFree: null })])
    expect(finding.status).toBe('pass')
  })

  it('warns about a path it could not look at', () => {
    expect(run([disk('/var/lib/docker')])).toMatchObject({
      status: 'warn',
      found: 'could not look at /var/lib/mojabox',
    })
  })
})
