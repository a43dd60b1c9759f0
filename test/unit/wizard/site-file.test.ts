import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { loadSite } from '../../../installer/site/load-site.ts'
import { Draft } from '../../../installer/wizard/draft.ts'
import { draftOf, findSite, siteText, writeSite } from '../../../installer/wizard/site-file.ts'
import { temporaryFolder } from '../bundles/temporary-folder.ts'

const HOST = { name: 'hub1', address: '10.0.0.7', port: 22, user: 'ops' }
const place = () => join(temporaryFolder(), 'mojabox.yaml')

function draft(path: string, changes: Partial<Draft> = {}): Draft {
  const bundle = join(path, '..', 'hub.tar')
  return Draft.parse({ where: 'hosts', hosts: [HOST], profile: 'central-ledger', bundle, ...changes })
}

const OWN = `# kept by us
version: 1
site: lusaka # the capital
deployment: core-test-harness
profile: transfer
bundle: hub.tar
hosts:
  - name: hub1
    address: 10.0.0.7
    user: ops
    sudo: { password: env:SUDO }
settings:
  currency: ZMW
skipChecks: [swap]
`

describe('siteText', () => {
  it('is a site that loads as it was answered', async () => {
    const path = place()
    writeFileSync(path, siteText(draft(path), undefined, path))
    const { site } = await loadSite(path)
    expect(site).toMatchObject({ profile: 'central-ledger', bundle: join(path, '..', 'hub.tar'), hosts: [HOST] })
  })

  it('says no more than was answered, and names a bundle beside it from there', () => {
    const path = place()
    expect(parse(siteText(draft(path), undefined, path))).toEqual({
      version: 1,
      site: 'site',
      deployment: 'core-test-harness',
      profile: 'central-ledger',
      bundle: 'hub.tar',
      hosts: [{ name: 'hub1', address: '10.0.0.7', user: 'ops' }],
    })
  })

  it('names a bundle elsewhere by its whole path, and a port that is not SSH’s', () => {
    const path = place()
    const answers = draft(path, { bundle: '/media/stick/hub.tar', hosts: [{ ...HOST, port: 2222 }] })
    expect(parse(siteText(answers, undefined, path))).toMatchObject({
      bundle: '/media/stick/hub.tar',
      hosts: [{ port: 2222 }],
    })
  })

  it('says whom to trust, or that it goes on without', () => {
    const path = place()
    const trust = [join(path, '..', 'release.pub'), '/etc/mojabox/other.pub']
    expect(parse(siteText(draft(path, { trust }), undefined, path)).trust).toEqual(['release.pub', trust[1]])
    const without = parse(siteText(draft(path, { allowUnsigned: true }), undefined, path))
    expect(without).toMatchObject({ allowUnsigned: true })
    expect(without).not.toHaveProperty('trust')
  })

  it('names the base of a delta, and no longer once it is none', async () => {
    const path = place()
    const base = join(path, '..', 'old.tar')
    writeFileSync(path, siteText(draft(path, { base }), undefined, path))
    expect(parse(readFileSync(path, 'utf8')).base).toBe('old.tar')
    const found = await findSite(path)
    if (!found?.site) throw new Error('no site')
    expect(draftOf(found.site).base).toBe(base)
    const text = siteText({ ...draftOf(found.site), base: undefined }, found, path)
    expect(parse(text)).not.toHaveProperty('base')
  })

  it('knows this machine', () => {
    const path = place()
    const { hosts } = parse(siteText(draft(path, { where: 'here' }), undefined, path))
    expect(hosts).toEqual([{ name: 'local', address: 'local' }])
  })

  it('moves ports, and only where they were moved', () => {
    const path = place()
    expect(parse(siteText(draft(path, { ports: { kafka: 9092 } }), undefined, path)).settings).toEqual({
      ports: { kafka: 9092 },
    })
  })

  it('leaves an earlier file as it is, to the letter, where the answers are the same', async () => {
    const path = place()
    writeFileSync(path, OWN)
    const found = await findSite(path)
    if (!found?.site) throw new Error('no site')
    expect(siteText(draftOf(found.site), found, path)).toBe(OWN)
  })

  it('keeps comments, settings and secrets’ references of an earlier file', async () => {
    const path = place()
    writeFileSync(path, OWN)
    const found = await findSite(path)
    if (!found?.site) throw new Error('no site')
    const text = siteText({ ...draftOf(found.site), profile: 'central-ledger', ports: { kafka: 1234 } }, found, path)
    expect(text).toContain('# kept by us')
    expect(text).toContain('# the capital')
    expect(parse(text)).toEqual({
      ...parse(OWN),
      profile: 'central-ledger',
      settings: { currency: 'ZMW', ports: { kafka: 1234 } },
    })
  })
})

describe('draftOf', () => {
  it('takes over every host of a site, this machine among them', async () => {
    const path = place()
    writeFileSync(path, OWN.replace('hosts:', 'hosts:\n  - { name: here, address: local }'))
    const found = await findSite(path)
    if (!found?.site) throw new Error('no site')
    expect(draftOf(found.site)).toMatchObject({ where: 'hosts', hosts: [{ name: 'here' }, { name: 'hub1' }] })
  })
})

describe('findSite', () => {
  it('finds nothing where nothing is', async () => {
    expect(await findSite(place())).toBeUndefined()
  })

  it('says in a few words what a file says', async () => {
    const path = place()
    writeFileSync(path, OWN)
    expect((await findSite(path))?.about.summary).toBe('site lusaka, profile transfer, on ops@10.0.0.7')
  })

  it('tells a file that cannot be read as a site, with line and reason, and is no start', async () => {
    const path = place()
    writeFileSync(path, 'version: 1\nsites: x\n')
    const found = await findSite(path)
    expect(found?.site).toBeUndefined()
    expect(found?.about.problem?.message).toContain('mojabox.yaml')
  })
})

describe('writeSite', () => {
  it('keeps what was there under another name, each time another', async () => {
    const path = place()
    expect(await writeSite(path, 'one')).toBeUndefined()
    expect(await writeSite(path, 'two')).toBe('mojabox.yaml.bak')
    expect(await writeSite(path, 'three')).toBe('mojabox.yaml.bak-2')
    const texts = readdirSync(join(path, '..')).map((name) => readFileSync(join(path, '..', name), 'utf8'))
    expect(texts.toSorted()).toEqual(['one', 'three', 'two'])
  })

  it('keeps no copy of what stays the same', async () => {
    const path = place()
    await writeSite(path, 'one')
    expect(await writeSite(path, 'one')).toBeUndefined()
    expect(readdirSync(join(path, '..'))).toEqual(['mojabox.yaml'])
  })

  it('says what is needed where it cannot write', async () => {
    await expect(writeSite('/nowhere/mojabox.yaml', 'x')).rejects.toMatchObject({
      facts: { code: 'site-unwritable', kind: 'usage', found: expect.any(String), next: expect.any(String) },
    })
  })
})
