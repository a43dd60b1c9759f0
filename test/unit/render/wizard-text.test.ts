import { describe, expect, it } from 'vitest'
import type { PlannedStep } from '../../../agent/contract/events.ts'
import { lookOf, plainText } from '../../../installer/render/look.ts'
import { brief, checkText, endText, planText, problemText, wrapped } from '../../../installer/render/wizard-text.ts'

const LOOK = lookOf({ isTty: false, env: { LANG: 'C.UTF-8' } })
const PLAIN = lookOf({ isTty: false, env: { LANG: 'C' } })

const widest = (text: string) => Math.max(...text.split('\n').map((line) => line.length))

describe('wrapped', () => {
  it('breaks at blanks, and no line is too long', () => {
    const text = wrapped('one two three four five six seven eight nine ten eleven twelve', 30, 2)
    expect(text).toBe('one two three four five six\n  seven eight nine ten eleven\n  twelve')
  })

  it('keeps what it is indented by, and a word that is too long in one piece', () => {
    expect(wrapped('  a b', 30)).toBe('  a b')
    expect(wrapped(`see ${'x'.repeat(40)}`, 30)).toBe(`see\n${'x'.repeat(40)}`)
  })
})

describe('brief', () => {
  it('is one line, and cut where it is too long', () => {
    expect(brief('a\n  b', 10)).toBe('a b')
    expect(brief('abcdefghij', 8)).toBe('abcde...')
  })
})

const PROBLEM = {
  code: 'x',
  kind: 'host',
  message: 'the host cannot be reached',
  found: 'a very long explanation '.repeat(6),
  needed: 'a route',
  next: 'check the network',
} as const

describe('problemText', () => {
  it.each([60, 80])('says what was found, what is needed and what to do, within %i columns', (columns) => {
    const text = problemText(PROBLEM, LOOK, columns)
    expect(text).toMatch(
      /^✗ the host cannot be reached\n {2}found: {2}a very[\s\S]*\n {2}needed: a route\n {2}next: {3}check/,
    )
    expect(widest(text)).toBeLessThan(columns)
  })

  it('leaves room for the next question, however much was found', () => {
    const text = problemText({ ...PROBLEM, found: 'line\n'.repeat(500) }, LOOK, 80)
    expect(text.split('\n').length).toBeLessThan(15)
  })

  it('is ASCII where the terminal has no more', () => {
    expect(problemText(PROBLEM, PLAIN, 80)).toMatch(/^x the host/)
  })
})

describe('checkText', () => {
  const check = { id: 'ports', title: 'Free ports', found: '3001 is held', needed: '3001', fix: 'stop it' }

  it('names the host where there are several, and marks a warning as one', () => {
    expect(checkText({ ...check, status: 'fail' }, 'hub1', LOOK, 80)).toMatch(
      /^✗ hub1: Free ports\n[\s\S]*next: +stop it/,
    )
    expect(checkText({ ...check, status: 'warn' }, undefined, LOOK, 80)).toMatch(/^! Free ports\n/)
  })
})

describe('planText', () => {
  const step = (id: string, kind: string, title: string, done = false): PlannedStep => ({ id, kind, title, done })
  const steps = [
    step('store', 'store', 'files of the bundle in the store'),
    step('secret-a', 'secret', 'secret a'),
    step('secret-b', 'secret', 'secret b'),
    step('file-x', 'file', 'file x'),
    step('new', 'kind-of-tomorrow', 'something new'),
    step('file-y', 'file', 'file y'),
    step('services', 'compose', 'services a, b'),
  ]
  const checks = [
    { id: 'docker', title: 'Docker', status: 'pass', found: 'Docker 26.1.5, reused', needed: '', fix: '' },
    { id: 'kernel', title: 'Kernel', status: 'pass', found: '6.1', needed: '', fix: '' },
  ] as const

  it('says in order what would be done, alike things together, and whose Docker it will be', () => {
    expect(planText({ host: 'hub1', checks: [...checks], steps }, LOOK, 80)).toBe(
      [
        'The plan for hub1: 7 steps.',
        '  Docker: Docker 26.1.5, reused',
        '  1. put files of the bundle in the store',
        '  2. make 2 passwords, known to this host only',
        '  3. write 2 configuration files',
        '  4. something new',
        '  5. start services a, b',
        '  6. prove the hub',
        'Nothing else on it is touched; `mojabox uninstall` takes all of it back.',
        '',
      ].join('\n'),
    )
  })

  it('counts only what is left', () => {
    const half = steps.map((one, at) => ({ ...one, done: at < 5 }))
    expect(planText({ host: 'hub1', checks: [], steps: half }, LOOK, 80)).toContain(
      'The plan for hub1: 2 steps, 5 are done already.\n  1. write file y',
    )
  })

  it('says when nothing is left', () => {
    const none = steps.map((one) => ({ ...one, done: true }))
    expect(planText({ host: 'hub1', checks: [], steps: none }, LOOK, 80)).toMatch(/^On hub1 nothing is left to do/)
  })

  it('fits narrow terminals', () => {
    const long = [step('packages', 'packages', `packages ${'docker.io, '.repeat(20)}`)]
    expect(widest(planText({ host: 'hub1', checks: [...checks], steps: long }, LOOK, 60))).toBeLessThan(60)
  })
})

describe('endText', () => {
  const facts = { hosts: ['this machine'], siteFile: 'mojabox.yaml' }

  it('says what to open and what to type next', () => {
    const text = endText({ ...facts, commands: ['open', 'status', 'validate', 'uninstall'] }, LOOK, 80)
    expect(text).toMatch(/Open:\n +mojabox open +[\s\S]*Type next:\n +mojabox status +[\s\S]*mojabox validate/)
    expect(widest(text)).toBeLessThan(80)
  })

  it('names no command that this mojabox does not have', () => {
    const text = endText({ ...facts, commands: ['status'] }, LOOK, 80)
    expect(text).not.toMatch(/Open:|mojabox open|mojabox validate/)
  })
})

describe('plainText', () => {
  it('leaves texts as they are where there is Unicode', () => {
    expect(plainText({ LANG: 'de_DE.UTF-8' })('the host’s key …')).toBe('the host’s key …')
  })

  it.each([{ LANG: 'C' }, { TERM: 'dumb' }, { LC_ALL: 'POSIX', LANG: 'C.UTF-8' }])(
    'gives ASCII for ours with %j',
    (env) => {
      expect(plainText(env)('the host’s “key” … — ✓')).toBe('the host\'s "key" ... - ok')
    },
  )
})
