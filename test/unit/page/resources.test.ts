import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { ResourceReader } from '../../../agent/page/resources.ts'
import { temporaryFolder } from '../engine/temporary-folder.ts'
import { serviceOf } from './scene.ts'

const ID = 'f'.repeat(64)

async function machine(files: Record<string, string>) {
  const root = await temporaryFolder()
  const write = async (more: Record<string, string>) => {
    for (const [path, text] of Object.entries(more)) {
      await mkdir(dirname(join(root, path)), { recursive: true })
      await writeFile(join(root, path), text)
    }
  }
  await write(files)
  const clock = { ms: 1_000_000 }
  const reader = new ResourceReader({ proc: join(root, 'proc'), cgroups: join(root, 'cgroup') }, () => clock.ms)
  return { reader, write, clock }
}

const MEMORY = 'MemTotal:        8000000 kB\nMemFree:          100000 kB\nMemAvailable:    5000000 kB\n'

describe('ResourceReader', () => {
  it('tells memory, load and disks of the host', async () => {
    const { reader } = await machine({ 'proc/meminfo': MEMORY, 'proc/loadavg': '0.42 0.30 0.20 1/200 999\n' })
    const { memory, load, disks, cores } = await reader.read([])
    expect(memory).toEqual({ totalBytes: 8_192_000_000, availableBytes: 5_120_000_000 })
    expect(load).toBe(0.42)
    expect(cores).toBeGreaterThan(0)
    expect(disks[0]).toMatchObject({ path: '/', totalBytes: expect.any(Number), freeBytes: expect.any(Number) })
  })

  it('leaves out what the kernel does not tell', async () => {
    const { reader } = await machine({ 'proc/meminfo': 'MemTotal: 1 kB\n' })
    expect(await reader.read([serviceOf('kafka', { id: ID })])).toMatchObject({
      memory: null,
      load: null,
      containers: [],
    })
  })

  it.each([
    [
      'cgroups 2, systemd’s driver',
      {
        [`cgroup/system.slice/docker-${ID}.scope/memory.current`]: '5000\n',
        [`cgroup/system.slice/docker-${ID}.scope/memory.stat`]: 'anon 1\ninactive_file 1000\n',
        [`cgroup/system.slice/docker-${ID}.scope/cpu.stat`]: 'usage_usec 2500000\nuser_usec 1\n',
      },
    ],
    [
      'cgroups 2, Docker’s driver',
      {
        [`cgroup/docker/${ID}/memory.current`]: '5000\n',
        [`cgroup/docker/${ID}/memory.stat`]: 'inactive_file 1000\n',
        [`cgroup/docker/${ID}/cpu.stat`]: 'usage_usec 2500000\n',
      },
    ],
    [
      'cgroups 1',
      {
        [`cgroup/memory/docker/${ID}/memory.usage_in_bytes`]: '5000\n',
        [`cgroup/memory/docker/${ID}/memory.stat`]: 'inactive_file 7\ntotal_inactive_file 1000\n'.replace(/^.*\n/, ''),
        [`cgroup/cpuacct/docker/${ID}/cpuacct.usage`]: '2500000000\n',
      },
    ],
  ])('tells what a container uses (%s)', async (_what, files) => {
    const { reader } = await machine(files)
    const { containers } = await reader.read([serviceOf('kafka', { id: ID })])
    expect(containers).toEqual([{ service: 'kafka', memoryBytes: 4000, cpuSeconds: 2.5, cores: null }])
  })

  it('tells from the second look on how much of a core it takes', async () => {
    const path = `cgroup/docker/${ID}/cpu.stat`
    const { reader, write, clock } = await machine({
      [`cgroup/docker/${ID}/memory.current`]: '1\n',
      [path]: 'usage_usec 1000000\n',
    })
    const services = [serviceOf('kafka', { id: ID })]
    await reader.read(services)
    clock.ms += 10_000
    await write({ [path]: 'usage_usec 3500000\n' })
    expect((await reader.read(services)).containers[0]?.cores).toBe(0.25)
  })

  it('does not look for containers that do not run', async () => {
    const { reader } = await machine({ [`cgroup/docker/${ID}/memory.current`]: '1\n' })
    expect((await reader.read([serviceOf('job', { id: ID, state: 'completed' })])).containers).toEqual([])
  })
})
