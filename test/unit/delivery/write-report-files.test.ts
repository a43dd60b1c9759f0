import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { writeReportFiles } from '../../../installer/actions/write-report-files.ts'
import { temporaryFolder } from '../engine/temporary-folder.ts'
import { reportOf } from '../service/reports.ts'

const one = reportOf()
const two = reportOf({ host: 'n2' })

describe('writeReportFiles', () => {
  it('writes one report as the file’s name says, in a folder made for it', async () => {
    const folder = await temporaryFolder()
    await writeReportFiles([one], join(folder, 'reports', 'junit.xml'))
    await writeReportFiles([one], join(folder, 'reports', 'report.json'))
    expect(await readFile(join(folder, 'reports', 'junit.xml'), 'utf8')).toMatch(/^<\?xml/)
    expect(JSON.parse(await readFile(join(folder, 'reports', 'report.json'), 'utf8'))).toEqual(one)
  })

  it('writes a pair of files a host into a folder', async () => {
    const folder = await temporaryFolder()
    await writeReportFiles([one, two], join(folder, 'all'))
    expect((await readdir(join(folder, 'all'))).toSorted()).toEqual(['n1.json', 'n1.xml', 'n2.json', 'n2.xml'])
  })

  it('takes a file’s name for a folder’s where there are several reports', async () => {
    const folder = await temporaryFolder()
    await writeReportFiles([one, two], join(folder, 'junit.xml'))
    expect(await readdir(folder)).toEqual(['junit'])
  })

  it('keeps a folder’s name as it is, dots and all', async () => {
    const folder = await temporaryFolder()
    await writeReportFiles([one], join(folder, 'site-1.2'))
    expect(await readdir(folder)).toEqual(['site-1.2'])
  })

  it('says where it could not write, as something the operator can mend', async () => {
    const folder = await temporaryFolder()
    await writeFile(join(folder, 'file'), '')
    const error = await writeReportFiles([one], join(folder, 'file', 'junit.xml')).catch((thrown) => thrown)
    expect(error.facts).toMatchObject({ kind: 'usage', message: expect.stringContaining('junit.xml') })
    expect(error.facts.next).toBeTruthy()
  })
})
