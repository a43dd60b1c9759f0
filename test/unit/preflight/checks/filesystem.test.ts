import { describe, expect, it } from 'vitest'
import type { DiskFacts } from '../../../../agent/contract/facts.ts'
import { filesystem } from '../../../../agent/preflight/checks/filesystem.ts'
import { disk, healthyHost, ordinaryNeeds } from '../healthy-host.ts'

function run(path: string, change: Partial<DiskFacts>) {
  return filesystem.run({ ...healthyHost(), disks: [disk(path, change)] }, ordinaryNeeds())
}

describe('filesystem', () => {
  it.each<[string, string, Partial<DiskFacts>, string]>([
    ['fail', '/var/lib/docker', { readOnly: true, options: ['ro'] }, 'sudo mount -o remount,rw /var'],
    ['fail', '/var/lib/docker', { type: 'cifs' }, 'mount a disk with ext4 at /var/lib/docker'],
    ['fail', '/var/lib/mojabox', { type: 'vfat' }, 'mount a disk with ext4 at /var/lib/mojabox'],
    ['fail', '/var/lib/mojabox', { options: ['rw', 'noexec'] }, 'sudo mount -o remount,exec /var'],
    ['fail', '/var/lib/docker', { type: 'xfs', xfsFtype: false }, 'xfs_info /var'],
    ['warn', '/var/lib/docker', { type: 'tmpfs' }, 'mount a disk with ext4'],
    ['warn', '/var/lib/docker', { type: 'overlay' }, 'mount a disk with ext4'],
    ['warn', '/var/lib/docker', { options: ['rw', 'nosuid'] }, 'remount,suid'],
    ['pass', '/var/lib/mojabox', { type: 'overlay' }, ''],
    ['pass', '/var/lib/docker', { type: 'xfs', xfsFtype: true }, ''],
    ['pass', '/var/lib/docker', { type: 'btrfs' }, ''],
  ])('%s for %s with %o', (status, path, change, fix) => {
    const finding = run(path, change)
    expect(finding.status).toBe(status)
    expect(finding.fix).toContain(fix)
  })

  it('names the worst of several', () => {
    const disks = [disk('/var/lib/docker', { type: 'overlay' }), disk('/var/lib/mojabox', { readOnly: true })]
    expect(filesystem.run({ ...healthyHost(), disks }, ordinaryNeeds()).found).toContain('read-only')
  })

  it('looks at mojabox’s own folder even where nothing has to be stored: the journal is written there', () => {
    const facts = { ...healthyHost(), disks: [disk('/var/lib/mojabox', { readOnly: true })] }
    expect(filesystem.run(facts, { ...ordinaryNeeds(), disk: [] }).status).toBe('fail')
  })

  it('looks where an existing Docker keeps its images', () => {
    const facts = healthyHost()
    if (facts.docker) facts.docker.rootDir = '/data/docker'
    facts.disks.push(disk('/data/docker', { type: 'nfs' }))
    expect(filesystem.run(facts, ordinaryNeeds())).toMatchObject({
      status: 'fail',
      found: expect.stringContaining('/data/docker'),
    })
  })
})
