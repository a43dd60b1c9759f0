import { mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { collectDisks, mountOf, parseMountinfo } from '../../../agent/facts/disk.ts'

const MOUNTINFO = `22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard
28 27 8:17 / /mnt/usb\\040stick rw,nosuid,nodev,noexec,relatime shared:30 - vfat /dev/sdb1 rw,fmask=0022
29 27 8:2 / /var ro,relatime shared:1 - xfs /dev/sda2 rw,attr2
30 29 8:3 / /var/lib/docker rw,relatime - ext4 /dev/sda3 ro
31 29 8:4 / /var/lib/docker rw,relatime master:2 shared:9 - btrfs /dev/sda4 rw,subvol=/@docker
32 31 254:0 /srv /var/lib/docker/volumes rw - ext4 /dev/vda rw
`

describe('parseMountinfo', () => {
  const mounts = parseMountinfo(MOUNTINFO)

  it('reads lines with and without optional fields', () => {
    expect(mounts).toHaveLength(7)
    expect(mounts[1]).toMatchObject({ mountPoint: '/', filesystem: '254:0', type: 'ext4', device: '/dev/vda' })
    expect(mounts[5]).toMatchObject({ mountPoint: '/var/lib/docker', type: 'btrfs', options: ['rw', 'relatime'] })
  })

  it('reads a mount point with a blank in it', () => {
    expect(mounts[2]).toMatchObject({ mountPoint: '/mnt/usb stick', options: expect.arrayContaining(['noexec']) })
  })

  it('calls it read-only when either the mount or the file system is', () => {
    expect(mounts[3]?.options).toContain('ro')
    expect(mounts[4]?.options).toEqual(['ro', 'relatime'])
  })
})

describe('mountOf', () => {
  const pointOf = (path: string) => {
    const mount = mountOf(path, parseMountinfo(MOUNTINFO))
    return mount && `${mount.mountPoint} ${mount.device}`
  }

  it('takes the deepest mount, and of several on one point the last', () => {
    expect(pointOf('/var/lib/docker/overlay2')).toBe('/var/lib/docker /dev/sda4')
    expect(pointOf('/var/lib/docker')).toBe('/var/lib/docker /dev/sda4')
    expect(pointOf('/var/lib')).toBe('/var /dev/sda2')
    expect(pointOf('/var/lib/docker/volumes/x')).toBe('/var/lib/docker/volumes /dev/vda')
  })

  it('does not take a name for a folder because it begins like one', () => {
    expect(pointOf('/variable')).toBe('/ /dev/vda')
  })
})

describe('collectDisks', () => {
  const folder = mkdtempSync(join(tmpdir(), 'facts-disk-'))
  afterAll(() => rmSync(folder, { recursive: true }))
  const run = () => Promise.reject(new Error('no commands here'))

  it('describes where a path that does not exist yet would lie', async () => {
    const [disk] = await collectDisks([join(folder, 'not/there/yet')], run)
    expect(disk).toMatchObject({ path: join(folder, 'not/there/yet'), existingPath: folder, readOnly: false })
    expect(disk?.freeBytes).toBeGreaterThan(0)
    expect(disk?.totalBytes).toBeGreaterThanOrEqual(disk?.freeBytes ?? 0)
  })

  it('follows a link to the disk behind it', async () => {
    symlinkSync('/proc', join(folder, 'link'))
    const [disk] = await collectDisks([join(folder, 'link')], run)
    expect(disk).toMatchObject({ existingPath: '/proc', type: 'proc' })
  })

  it('lists a path that is asked for twice once', async () => {
    expect(await collectDisks([folder, folder], run)).toHaveLength(1)
  })
})
