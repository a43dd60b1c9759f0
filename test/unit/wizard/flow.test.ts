import { describe, expect, it } from 'vitest'
import type { Draft } from '../../../installer/wizard/draft.ts'
import { BACK } from '../../../installer/wizard/prompter.ts'
import { type Act, CTRL_C, ENTER, offered } from './fake-prompter.ts'
import { FakeSurroundings, foundBundle, glance, offer, REFUSAL } from './fake-world.ts'

const HERE: Act[] = ['here', 'ci', 'central-ledger', '/site/hub.tar']

/** Runs to the end; every answer must have been asked for. */
async function ended(around: FakeSurroundings, given: Partial<Draft> = {}) {
  const end = await around.run(given)
  expect(around.prompter.left).toBe(0)
  return end
}

async function stopped(around: FakeSurroundings, given: Partial<Draft> = {}) {
  await expect(around.run(given)).rejects.toMatchObject({ facts: { kind: 'interrupted' } })
  expect(around.prompter.left).toBe(0)
}

describe('the straight way', () => {
  it('asks where, what for, which profile, which bundle, and once whether to do it', async () => {
    const around = new FakeSurroundings([...HERE, 'install'])
    const { draft, last } = await ended(around)
    expect(around.prompter.messages).toEqual([
      'Where shall the hub run?',
      'What is the hub for?',
      'Which profile?',
      'Which bundle?',
      'Shall this be done?',
    ])
    expect(draft).toMatchObject({ where: 'here', profile: 'central-ledger', bundle: '/site/hub.tar' })
    expect(around.done).toEqual(['reach', 'search', 'plan', 'install'])
    expect(last?.kind).toBe('install')
  })

  it('reaches each host as it is named, and takes several', async () => {
    const around = new FakeSurroundings([
      'hosts',
      'ops@10.0.0.7',
      'add',
      'root@hub.example:2222',
      'add',
      'ops@[fd00::7]',
      'done',
      ...HERE.slice(1),
      'install',
    ])
    const { draft } = await ended(around)
    expect(draft.hosts).toEqual([
      { name: '10.0.0.7', address: '10.0.0.7', port: 22, user: 'ops' },
      { name: 'hub.example', address: 'hub.example', port: 2222, user: 'root' },
      { name: 'fd00--7', address: 'fd00::7', port: 22, user: 'ops' },
    ])
    expect(around.done.filter((kind) => kind === 'reach')).toHaveLength(4)
    expect(around.said.join('\n')).toContain('10.0.0.7 (ops@10.0.0.7): memory 8.0 GiB, free disk 50.0 GB, 4 cores')
  })

  it('logs in as the person at the desk where no user is named, and tells hosts of one address apart', async () => {
    const around = new FakeSurroundings(['hosts', 'hub:2201', 'add', 'hub:2202', CTRL_C])
    await stopped(around)
    expect(around.remembered.at(-1)?.hosts.map(({ name, user }) => [name, user])).toEqual([
      ['hub', 'me'],
      ['hub-2', 'me'],
    ])
  })

  it('writes only the site file when that is wanted', async () => {
    const around = new FakeSurroundings([...HERE, 'write'])
    expect((await ended(around)).last?.kind).toBe('write')
    expect(around.done).not.toContain('install')
  })
})

describe('going back', () => {
  const questions: [string, Act[], string][] = [
    ['purpose', ['here'], 'Where shall the hub run?'],
    ['host', ['hosts'], 'Where shall the hub run?'],
    ['hosts', ['hosts', 'a@b'], 'Where shall the hub run?'],
    ['another host', ['hosts', 'a@b', 'add'], 'Is that all?'],
    ['profile', ['here', 'ci'], 'What is the hub for?'],
    ['bundle', ['here', 'ci', 'central-ledger'], 'Which profile?'],
    ['another bundle', ['here', 'ci', 'central-ledger', '\u0000file'], 'Which bundle?'],
    ['confirmation', HERE, 'Which bundle?'],
    ['changed profile', [...HERE, 'profile'], 'What is the hub for?'],
  ]
  it.each(questions)('from %s leads to the question before', async (_name, acts, before) => {
    const around = new FakeSurroundings([...acts, BACK, CTRL_C])
    await stopped(around)
    expect(around.prompter.messages.at(-1)).toBe(before)
  })

  it('is not offered at the first question', async () => {
    const around = new FakeSurroundings([CTRL_C])
    await stopped(around)
    expect(around.prompter.asked[0]?.canGoBack).toBe(false)
  })

  it('goes all the way to the first question, which again has none before it', async () => {
    const around = new FakeSurroundings([...HERE, BACK, BACK, BACK, BACK, CTRL_C])
    await stopped(around)
    expect(around.prompter.messages.at(-1)).toBe('Where shall the hub run?')
    expect(around.prompter.asked.at(-1)?.canGoBack).toBe(false)
  })

  it('offers what was answered before', async () => {
    const around = new FakeSurroundings([...HERE, BACK, BACK, BACK, BACK, CTRL_C])
    await stopped(around)
    const again = around.prompter.asked.slice(-4).map(({ question }) => offered(question))
    expect(again).toEqual(['/site/hub.tar', 'central-ledger', 'ci', 'here'])
  })

  it('changes nothing but what is answered anew, and nothing is planned from old answers', async () => {
    const around = new FakeSurroundings([...HERE, BACK, BACK, BACK, 'develop', 'transfer', ENTER, 'install'])
    const { draft } = await ended(around)
    expect(draft).toMatchObject({ where: 'here', purpose: 'develop', profile: 'transfer', bundle: '/site/hub.tar' })
    expect(around.done.filter((kind) => kind === 'plan')).toHaveLength(2)
  })

  it('from trouble with a host leads to where it was named, and keeps what was typed', async () => {
    const around = new FakeSurroundings(['hosts', 'ops@10.0.0.7', BACK, 'hosts', CTRL_C])
    around.failures.reach = [REFUSAL]
    await stopped(around)
    expect(around.prompter.asked.at(-1)?.question).toMatchObject({ kind: 'text', initial: 'ops@10.0.0.7' })
  })
})

describe('answers of an earlier run', () => {
  const earlier: Partial<Draft> = {
    where: 'hosts',
    hosts: [{ name: 'hub1', address: '10.0.0.7', port: 22, user: 'ops' }],
    purpose: 'develop',
    profile: 'transfer',
    bundle: '/site/hub.tar',
  }

  it('are what Enter takes, question by question', async () => {
    const around = new FakeSurroundings([ENTER, ENTER, ENTER, ENTER, ENTER, ENTER])
    const { draft } = await ended(around, earlier)
    expect(draft).toMatchObject(earlier)
    expect(around.done).toEqual(['reach', 'search', 'plan', 'install'])
  })

  it('are kept after every answer, before anything is done about it', async () => {
    const around = new FakeSurroundings([...HERE, CTRL_C])
    around.failures.plan = [REFUSAL]
    await stopped(around)
    expect(around.remembered.at(-1)).toMatchObject({
      where: 'here',
      profile: 'central-ledger',
      bundle: '/site/hub.tar',
    })
  })

  it('keep the hosts when the hub is to run here after all, and come back with them', async () => {
    const around = new FakeSurroundings(['here', BACK, 'hosts', CTRL_C])
    await stopped(around, earlier)
    expect(around.prompter.messages.at(-1)).toBe('Is that all?')
  })

  it('of a profile or a bundle that is gone are not offered', async () => {
    const around = new FakeSurroundings(['here', 'any', ENTER, ENTER, CTRL_C], {
      bundles: [foundBundle('/site/new.tar', [offer('central-ledger')])],
    })
    await stopped(around, { ...earlier, where: 'here' })
    expect(around.remembered.at(-1)).toMatchObject({ profile: 'central-ledger', bundle: '/site/new.tar' })
  })

  it('hold no host twice', async () => {
    const around = new FakeSurroundings([ENTER, 'add', 'other@10.0.0.7', CTRL_C])
    await stopped(around, earlier)
    expect(around.complaints[0]).toMatchObject({ found: 'ops@10.0.0.7', needed: 'another host' })
  })

  it('lose a host that is left out, and with the last one the question comes anew', async () => {
    const around = new FakeSurroundings([ENTER, 'out hub1', CTRL_C])
    await stopped(around, earlier)
    expect(around.prompter.messages.at(-1)).toContain('Which host?')
    expect(around.remembered.at(-1)?.hosts).toEqual([])
  })
})

describe('a site file that is there', () => {
  const existing = { name: 'mojabox.yaml', summary: 'site lusaka, on this machine', problem: undefined }

  it('is asked about first, and left as it is when that is wanted', async () => {
    const around = new FakeSurroundings(['stop'], { existing })
    expect((await ended(around)).last).toBeUndefined()
    expect(around.done).toEqual([])
    expect(around.said).toEqual(['mojabox.yaml is here already: site lusaka, on this machine.'])
  })

  it('is started from when that is wanted', async () => {
    const around = new FakeSurroundings(['start', ...HERE, 'write'], { existing })
    expect((await ended(around)).last?.kind).toBe('write')
  })

  it('that cannot be read says why', async () => {
    const problem = { ...REFUSAL, message: 'mojabox.yaml:3:1: not YAML' }
    const around = new FakeSurroundings(['stop'], { existing: { ...existing, summary: undefined, problem } })
    await ended(around)
    expect(around.said.join()).toContain('mojabox.yaml:3:1: not YAML')
  })
})

describe('what a host contradicts', () => {
  it('a host that refuses: why, and then again, with all that was typed', async () => {
    const around = new FakeSurroundings(['hosts', 'ops@10.0.0.7', 'again', 'done', CTRL_C])
    around.failures.reach = [REFUSAL]
    await stopped(around)
    expect(around.complaints).toEqual([REFUSAL])
    expect(around.remembered.at(-1)?.hosts).toHaveLength(1)
  })

  it('a host that refuses: its address corrected, starting from what was typed', async () => {
    const around = new FakeSurroundings(['hosts', 'ops@10.0.0.7', 'anew', 'ops@10.0.0.8', CTRL_C])
    around.failures.reach = [REFUSAL]
    await stopped(around)
    expect(around.prompter.asked[3]?.question).toMatchObject({ initial: 'ops@10.0.0.7' })
    expect(around.remembered.at(-1)?.hosts).toMatchObject([{ address: '10.0.0.8' }])
  })

  it('a host that wants another key: which one, then tried with it', async () => {
    const around = new FakeSurroundings(['hosts', 'ops@10.0.0.7', 'key', '', 'keys/site', 'done', CTRL_C])
    around.failures.reach = [REFUSAL]
    await stopped(around)
    expect(around.remembered.at(-1)?.hosts).toMatchObject([{ address: '10.0.0.7', identityFile: '/site/keys/site' }])
    expect(around.complaints[1]).toMatchObject({ found: 'nothing', needed: 'the path of a private key' })
  })

  it('a host among several that refuses can be gone on without', async () => {
    const around = new FakeSurroundings(['hosts', 'ops@a', 'add', 'ops@b', 'without', CTRL_C])
    around.failures.reach = [undefined, REFUSAL]
    await stopped(around)
    expect(around.remembered.at(-1)).toMatchObject({ hosts: [{ address: 'a' }] })
    expect(around.remembered.at(-1)?.pending).toBeUndefined()
  })

  it('a host that was given up by going back is not reached with the others', async () => {
    const around = new FakeSurroundings(['hosts', 'ops@a', 'add', 'ops@b', BACK, 'done', CTRL_C])
    around.failures.reach = [undefined, REFUSAL]
    await stopped(around)
    expect(around.remembered.at(-1)).toMatchObject({ hosts: [{ address: 'a' }] })
    expect(around.remembered.at(-1)?.pending).toBeUndefined()
  })

  it('a remembered host that is gone becomes the one to be corrected', async () => {
    const hosts = ['a', 'b'].map((name) => ({ name, address: name, port: 22, user: 'ops' }))
    const around = new FakeSurroundings([ENTER, 'done', CTRL_C])
    around.failures.reach = [REFUSAL]
    await stopped(around, { where: 'hosts', hosts })
    expect(around.prompter.messages.at(-1)).toBe('What about ops@a?')
    expect(around.remembered.at(-1)).toMatchObject({ hosts: [{ name: 'b' }], pending: { name: 'a' } })
  })

  it.each(['', 'a@b@c', 'a b', 'local', 'ops@host:99999'])('%j is not a host: said, and asked again', async (typed) => {
    const around = new FakeSurroundings(['hosts', typed, CTRL_C])
    await stopped(around)
    expect(around.complaints).toMatchObject([{ message: 'that is not a host', next: 'type it again' }])
    expect(around.done).toEqual([])
  })

  it('this machine, when it gives no rights: the same question again', async () => {
    const around = new FakeSurroundings(['here', CTRL_C])
    around.failures.reach = [REFUSAL]
    await stopped(around)
    expect(around.prompter.messages).toEqual(['Where shall the hub run?', 'Where shall the hub run?'])
  })

  it('too little memory for a profile: found and needed, and another can be chosen', async () => {
    const around = new FakeSurroundings(['here', 'evaluate', 'all-services', 'transfer', CTRL_C])
    await stopped(around)
    expect(around.complaints).toMatchObject([
      { found: '8.0 GiB of memory', needed: '12.0 GiB of memory', next: expect.stringContaining('smaller profile') },
    ])
    expect(around.remembered.at(-1)?.profile).toBe('transfer')
  })

  it('too little memory on one host of several: that one is named', async () => {
    const around = new FakeSurroundings(['hosts', 'ops@a', 'add', 'ops@b', 'done', 'develop', 'transfer', CTRL_C], {
      glances: { 'ops@b': glance(3) },
    })
    await stopped(around)
    expect(around.complaints[0]?.message).toBe('ops@b has too little for the profile transfer')
  })

  it('proposes the richest profile that fits', async () => {
    const around = new FakeSurroundings(['here', 'evaluate', CTRL_C])
    await stopped(around)
    const question = around.prompter.asked.at(-1)?.question
    expect(question && offered(question)).toBe('transfer')
    expect(question).toMatchObject({ choices: [{ label: expect.stringContaining('(too much)') }, {}, {}] })
  })

  const CHECK = { ...REFUSAL, code: 'check-failed', message: 'a check failed: Free ports' }

  it('a port that is held: found and needed, then other ports, checked again', async () => {
    const around = new FakeSurroundings([...HERE, 'ports', 'central-ledger=23001 kafka=19092', 'install'])
    around.failures.plan = [CHECK]
    const { draft } = await ended(around)
    expect(around.complaints).toEqual([CHECK])
    expect(draft.ports).toEqual({ 'central-ledger': 23001 })
    expect(around.done).toEqual(['reach', 'search', 'plan', 'plan', 'install'])
  })

  it.each([
    ['kafka', 'a port from 1'],
    ['kafka=0', 'a port from 1'],
    ['kafka=70000', 'a port from 1'],
    ['sql=1', 'one of central-ledger, kafka'],
    ['kafka=5000 central-ledger=5000', 'each port once'],
  ])('ports that cannot be (%s) are asked for again', async (typed, needed) => {
    const around = new FakeSurroundings([...HERE, 'ports', typed, CTRL_C])
    around.failures.plan = [CHECK]
    await stopped(around)
    expect(around.complaints[1]?.needed).toContain(needed)
  })

  it.each([
    ['again', 'Shall this be done?'],
    ['profile', 'Which profile?'],
    ['bundle', 'Which bundle?'],
    ['where', 'Where shall the hub run?'],
    ['ports', 'Which ports?'],
  ])('a check that fails leaves every way open: %s', async (answer, then) => {
    const around = new FakeSurroundings([...HERE, answer, CTRL_C])
    around.failures.plan = [CHECK]
    await stopped(around)
    expect(around.prompter.messages.at(-1)).toBe(then)
  })

  it('a check that fails can end it, with the answers kept', async () => {
    const around = new FakeSurroundings([...HERE, 'stop'])
    around.failures.plan = [CHECK]
    expect((await ended(around)).last).toBeUndefined()
    expect(around.remembered.at(-1)).toMatchObject({ profile: 'central-ledger' })
  })
})

describe('whom to trust', () => {
  const NOBODY = { trust: [] }
  const signed = { ...foundBundle('/site/hub.tar', [offer('central-ledger')]), signers: ['0011223344556677'] }

  it('is asked where the bundle is not signed, and remembered of that bundle only', async () => {
    const around = new FakeSurroundings([...HERE, 'unsigned', 'bundle', '/site/other.tar', CTRL_C], {
      bundles: ['/site/hub.tar', '/site/other.tar'].map((path) => foundBundle(path, [offer('central-ledger')])),
    })
    await stopped(around, NOBODY)
    expect(around.said.join('\n')).toContain('hub.tar is not signed')
    expect(around.prompter.messages.slice(-4)).toEqual([
      'Do you trust this bundle?',
      'Shall this be done?',
      'Which bundle?',
      'Do you trust this bundle?',
    ])
    expect(around.remembered.at(-1)).toMatchObject({ bundle: '/site/other.tar', allowUnsigned: false })
  })

  it('takes a key, which is tried before the hosts are checked', async () => {
    const around = new FakeSurroundings([...HERE, 'key', '', 'keys/release.pub', 'install'], { bundles: [signed] })
    const { draft } = await ended(around, NOBODY)
    expect(around.said.join('\n')).toContain('signed by 0011223344556677')
    expect(draft).toMatchObject({ trust: ['/site/keys/release.pub'], allowUnsigned: false })
    expect(around.done).toEqual(['reach', 'search', 'trust', 'plan', 'install'])
  })

  it('a key that did not sign it: why, and another can be named', async () => {
    const around = new FakeSurroundings([...HERE, 'key', 'wrong.pub', BACK, 'unsigned', CTRL_C], { bundles: [signed] })
    around.failures.trust = [REFUSAL]
    await stopped(around, NOBODY)
    expect(around.complaints).toEqual([REFUSAL])
    expect(around.remembered.at(-1)).toMatchObject({ trust: [], allowUnsigned: true })
  })

  it('offers no key where nobody signed', async () => {
    const around = new FakeSurroundings([...HERE, CTRL_C])
    await stopped(around, NOBODY)
    const question = around.prompter.asked.at(-1)?.question
    expect(question?.kind === 'choice' && question.choices.map(({ value }) => value)).toEqual(['unsigned', 'bundle'])
  })
})

describe('a delta', () => {
  const whole = foundBundle('/site/old.tar', [offer('transfer')])
  const delta = { ...foundBundle('/site/hub.tar', [offer('central-ledger')]), baseDigest: whole.digest }

  it('is taken with its base where that is found too', async () => {
    const around = new FakeSurroundings([...HERE, 'install'], { bundles: [delta, whole] })
    expect((await ended(around)).draft).toMatchObject({ bundle: '/site/hub.tar', base: '/site/old.tar' })
  })

  it('is taken without where it is not; a host that lacks something leads to who can name it', async () => {
    const around = new FakeSurroundings([...HERE, 'base-file', '', '/stick/old.tar', 'install'], { bundles: [delta] })
    around.failures.plan = [REFUSAL]
    expect((await ended(around)).draft).toMatchObject({ base: '/stick/old.tar' })
  })

  it('leaves no base behind when a whole bundle is chosen instead', async () => {
    const other = foundBundle('/site/other.tar', [offer('central-ledger')])
    const around = new FakeSurroundings([...HERE, 'bundle', '/site/other.tar', 'install'], {
      bundles: [delta, whole, other],
    })
    expect((await ended(around)).draft.base).toBeUndefined()
  })
})

describe('bundles', () => {
  it('are asked for first when none is found', async () => {
    const elsewhere = [foundBundle('/stick/hub.tar', [offer('central-ledger')])]
    const around = new FakeSurroundings(['here', '', '/stick/hub.tar', 'ci', ENTER, 'install'], {
      bundles: [],
      elsewhere,
    })
    const { draft } = await ended(around)
    expect(draft.bundle).toBe('/stick/hub.tar')
    expect(around.said.join('\n')).toContain('No bundle was found')
    expect(around.prompter.messages.slice(1)).toEqual([
      'Which bundle? Its file:',
      'Which bundle? Its file:',
      'What is the hub for?',
      'Which profile?',
      'Shall this be done?',
    ])
  })

  it('only those that carry the profile are offered, and another file may be named', async () => {
    const bundles = [
      foundBundle('/site/new.tar', [offer('transfer')], 2),
      foundBundle('/site/old.tar', [offer('central-ledger')], 1),
    ]
    const elsewhere = [foundBundle('/site/own/hub.tar', [offer('central-ledger')])]
    const around = new FakeSurroundings(['here', 'ci', 'central-ledger', '\u0000file', 'own/hub.tar', 'install'], {
      bundles,
      elsewhere,
    })
    const { draft } = await ended(around)
    expect(draft.bundle).toBe('/site/own/hub.tar')
    expect(around.prompter.asked[3]?.question).toMatchObject({
      choices: [{ value: '/site/old.tar', label: expect.stringContaining('old.tar: version 1.2.3, 400 MB') }, {}],
    })
  })

  it('that cannot be opened: why, and asked again with what was typed', async () => {
    const around = new FakeSurroundings(['here', 'ci', 'central-ledger', '\u0000file', 'x.tar', CTRL_C])
    around.failures.open = [REFUSAL]
    await stopped(around)
    expect(around.prompter.asked.at(-1)?.question).toMatchObject({ kind: 'text', initial: '/site/x.tar' })
    expect(around.done).not.toContain('plan')
  })

  it('decide which purposes there are', async () => {
    const around = new FakeSurroundings(['here', CTRL_C], {
      bundles: [foundBundle('/b.tar', [offer('testing-toolkit')])],
    })
    await stopped(around)
    const question = around.prompter.asked.at(-1)?.question
    expect(question?.kind === 'choice' && question.choices.map(({ value }) => value)).toEqual(['dfsp', 'any'])
  })

  it('show every profile to who wants another one', async () => {
    const around = new FakeSurroundings(['here', 'ci', '\u0000other', CTRL_C])
    await stopped(around)
    const question = around.prompter.asked.at(-1)?.question
    expect(question?.kind === 'choice' && question.choices.map(({ value }) => value)).toEqual([
      'central-ledger',
      'transfer',
      'all-services',
    ])
  })
})
