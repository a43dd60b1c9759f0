import { describe, expect, it } from 'vitest'
import { describeCgroup } from '../../../agent/facts/cgroup.ts'
import { parseSynchronized } from '../../../agent/facts/clock.ts'
import { describeCpu, ociArchitecture, parseCpuMax } from '../../../agent/facts/cpu.ts'
import { resolvesLocally } from '../../../agent/facts/hostname.ts'
import { hasOverlay } from '../../../agent/facts/kernel.ts'
import { parseOsRelease } from '../../../agent/facts/os.ts'
import { isOurs } from '../../../agent/facts/ours.ts'
import { judgeSudo } from '../../../agent/facts/user.ts'

describe('parseOsRelease', () => {
  it.each([
    [
      'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nNAME="Debian GNU/Linux"\nVERSION_ID="12"\nID=debian\n',
      'debian-12',
    ],
    ['NAME="Ubuntu"\nVERSION_ID="24.04"\nID=ubuntu\nID_LIKE=debian\n', 'ubuntu-24.04'],
    ["NAME='Rocky Linux'\nID='rocky'\nVERSION_ID='9.4'\n", 'rocky-9.4'],
    ['PRETTY_NAME="Debian GNU/Linux forky/sid"\nVERSION_CODENAME=forky\nID=debian\n', 'debian-forky'],
    ['ID=arch\n# no version\n', 'arch'],
  ])('%j is %s', (text, key) => {
    expect(parseOsRelease(text)?.key).toBe(key)
  })

  it('keeps the name people know and what it is like', () => {
    const text = 'PRETTY_NAME="Rocky \\"Linux\\" 9"\nID=rocky\nID_LIKE="rhel centos fedora"\nVERSION_ID=9\n'
    expect(parseOsRelease(text)).toMatchObject({ prettyName: 'Rocky "Linux" 9', idLike: ['rhel', 'centos', 'fedora'] })
  })

  it('is null without a name', () => {
    expect(parseOsRelease('')).toBeNull()
  })
})

describe('hasOverlay', () => {
  it.each([
    ['nodev\tsysfs\nnodev\toverlay\n\text4\n', null, null, true],
    ['\text4\n', 'kernel/fs/overlayfs/overlay.ko\n', '', true],
    ['\text4\n', '', 'kernel/fs/overlayfs/overlay.ko.xz: kernel/fs/exportfs/exportfs.ko.xz\n', true],
    ['\text4\n', '', 'kernel/fs/nfs/nfs.ko:\n', false],
    ['\text4\n', null, null, null],
  ])('from %j, %j and %j: %s', (loaded, builtin, loadable, expected) => {
    expect(hasOverlay(loaded, builtin, loadable)).toBe(expected)
  })
})

describe('describeCgroup', () => {
  it('reads version 2 with its controllers', () => {
    const mountinfo = '34 25 0:29 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n'
    expect(describeCgroup(mountinfo, 'cpuset cpu io memory pids\n')).toEqual({
      version: 2,
      controllers: ['cpuset', 'cpu', 'io', 'memory', 'pids'],
    })
  })

  it('reads version 1, also beside an empty version 2', () => {
    const mountinfo = `31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,name=systemd
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
`
    expect(describeCgroup(mountinfo, null)).toEqual({ version: 1, controllers: ['cpu', 'cpuacct', 'memory'] })
  })

  it('says when none is mounted', () => {
    expect(describeCgroup('27 1 254:0 / / rw - ext4 /dev/vda rw\n', null).version).toBe('none')
  })
})

describe('resolvesLocally', () => {
  it.each([
    ['127.0.0.1 localhost\n127.0.1.1 hub1.site hub1 # me\n', null, true],
    ['127.0.0.1 localhost # hub1\n', 'hosts: files dns\n', false],
    ['127.0.0.1 localhost\n', 'passwd: files\nhosts:  files myhostname dns\n', true],
    [null, null, null],
  ])('%j with %j: %s', (hosts, nsswitch, expected) => {
    expect(resolvesLocally('hub1', hosts, nsswitch)).toBe(expected)
  })
})

describe('single values', () => {
  it('reads a cgroup v2 limit of cores', () => {
    expect([parseCpuMax('150000 100000\n'), parseCpuMax('max 100000\n')]).toEqual([1.5, null])
  })

  it('reads model and instructions of the first processor, in the words of its architecture', () => {
    const x86 = 'processor\t: 0\nmodel\t\t: 1\nmodel name\t: AMD EPYC\nflags\t\t: fpu sse4_2\n\nflags\t\t: fpu\n'
    expect(describeCpu(x86)).toEqual({ model: 'AMD EPYC', flags: ['fpu', 'sse4_2'] })
    const arm = 'processor\t: 0\nBogoMIPS\t: 243.75\nFeatures\t: fp asimd\nCPU implementer\t: 0x41\n'
    expect(describeCpu(arm)).toEqual({ model: null, flags: ['fp', 'asimd'] })
    expect(describeCpu('')).toEqual({ model: null, flags: [] })
  })

  it('names architectures as images do', () => {
    expect(['x86_64', 'aarch64', 'riscv64'].map(ociArchitecture)).toEqual(['amd64', 'arm64', 'riscv64'])
  })

  it('reads whether the clock is kept', () => {
    expect(['NTPSynchronized=yes\n', 'NTPSynchronized=no\n', ''].map(parseSynchronized)).toEqual([true, false, null])
  })

  it.each([
    [0, '', 'free'],
    [1, 'sudo: a password is required\n', 'password'],
    [1, 'sudo: a terminal is required to read the password\n', 'password'],
    [1, 'Sorry, user bob may not run sudo on hub1.\n', 'refused'],
    [1, 'sudo: /etc/sudoers is world writable\n', 'refused'],
  ])('judges sudo by exit code %i and %j', (code, stderr, expected) => {
    expect(judgeSudo({ code, stdout: '', stderr })).toBe(expected)
  })

  it('knows its own containers', () => {
    expect(isOurs('mojabox-mysql-1', null)).toBe(true)
    expect(isOurs('kafka', 'mojabox')).toBe(true)
    expect(isOurs('mojaboxer', 'shop')).toBe(false)
    expect(isOurs(null, null)).toBe(false)
  })
})
