import { mkdir, symlink, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { Reports } from '../../../agent/page/reports.ts'
import { temporaryFolder } from '../engine/temporary-folder.ts'
import { caseOf, reportOf } from '../service/reports.ts'

async function folderWith(...runs: string[]) {
  const outside = await temporaryFolder()
  const folder = join(outside, 'reports')
  await mkdir(folder)
  for (const [index, run] of runs.entries()) {
    const startedAt = new Date(Date.UTC(2027, 0, 1, 0, index)).toISOString()
    await writeFile(join(folder, `${run}.json`), JSON.stringify(reportOf({ run, startedAt })))
    await utimes(join(folder, `${run}.json`), 1_000 + index, 1_000 + index)
  }
  return { folder, outside, reports: new Reports(folder) }
}

describe('Reports', () => {
  it('lists the newest 20, newest first, with who asked for them', async () => {
    const runs = Array.from({ length: 30 }, (_, at) => (at === 29 ? 'by-hand' : `agent-${at}`))
    const list = await (await folderWith(...runs)).reports.list()
    expect(list).toHaveLength(20)
    expect(list.slice(0, 2)).toMatchObject([
      { run: 'by-hand', by: 'desk' },
      { run: 'agent-28', by: 'agent' },
    ])
  })

  it('tells what failed, and of each level how it went', async () => {
    const { folder, reports } = await folderWith()
    const cases = [caseOf(), caseOf({ status: 'fail', subject: 'kafka', title: 'kafka is healthy' })]
    await writeFile(join(folder, 'a.json'), JSON.stringify(reportOf({ run: 'a' }, ...cases)))
    expect(await reports.list()).toMatchObject([
      { passed: false, failed: ['kafka is healthy'], levels: [{ level: 'services', passed: false, cases: 2 }] },
    ])
  })

  it('leaves out what is no report', async () => {
    const { folder, reports } = await folderWith('agent-1')
    await writeFile(join(folder, 'last.json'), '{"at":"2027-01-01"}')
    await writeFile(join(folder, 'half.json'), '{"version":1,')
    await writeFile(join(folder, 'other.json'), '{"levels":3}')
    await writeFile(join(folder, 'agent-2.xml'), '<x/>')
    await mkdir(join(folder, 'folder.json'))
    expect((await reports.list()).map(({ run }) => run)).toEqual(['agent-1'])
    expect(await new Reports(join(folder, 'nowhere')).list()).toEqual([])
  })

  it('sees that a report was written again', async () => {
    const { folder, reports } = await folderWith('a')
    await reports.list()
    await writeFile(join(folder, 'a.json'), JSON.stringify(reportOf({ run: 'a', seconds: 77 })))
    expect(await reports.list()).toMatchObject([{ seconds: 77 }])
  })

  it('gives a report as it was written', async () => {
    const { reports } = await folderWith('agent-1')
    expect(JSON.parse((await reports.text('agent-1')) ?? '')).toMatchObject({ run: 'agent-1' })
  })

  it.each(['../secret', '..', '.', '', '.lock', '/etc/passwd', 'a/b', 'a\\b', 'a%2fb', 'a\0', 'x'.repeat(200)])(
    'reads nothing but reports: %j',
    async (run) => {
      const { outside, reports } = await folderWith('a')
      await writeFile(join(outside, 'secret.json'), '{"password":1}')
      expect(await reports.text(run)).toBeUndefined()
    },
  )

  it('follows no link out of its folder', async () => {
    const { folder, outside, reports } = await folderWith()
    await writeFile(join(outside, 'secret.json'), '{"password":1}')
    await symlink(join(outside, 'secret.json'), join(folder, 'link.json'))
    expect(await reports.text('link')).toBeUndefined()
    expect(await reports.list()).toEqual([])
  })

  it('does not load a file that is too large to be a report', async () => {
    const { folder, reports } = await folderWith()
    await writeFile(join(folder, 'huge.json'), `"${'x'.repeat(5 * 1024 * 1024)}"`)
    expect(await reports.text('huge')).toBeUndefined()
  })
})
