import { existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { answersPath, forgetAnswers, recallAnswers, rememberAnswers } from '../../../installer/wizard/answers.ts'
import { Draft } from '../../../installer/wizard/draft.ts'
import { temporaryFolder } from '../bundles/temporary-folder.ts'

const DRAFT = Draft.parse({ where: 'here', purpose: 'ci', profile: 'central-ledger', ports: { kafka: 9092 } })
const NOW = new Date('2027-01-02T03:04:05Z')

describe('answers', () => {
  it('come back as they were given, with when', async () => {
    const folder = temporaryFolder()
    await rememberAnswers(folder, DRAFT, NOW)
    expect(await recallAnswers(folder)).toEqual({ at: NOW.toISOString(), draft: DRAFT })
  })

  it('are their owner’s alone', async () => {
    const folder = temporaryFolder()
    await rememberAnswers(folder, DRAFT, NOW)
    expect(statSync(answersPath(folder)).mode & 0o777).toBe(0o600)
    expect(statSync(join(folder, '.mojabox')).mode & 0o777).toBe(0o700)
  })

  it('are none at first, and none again when they are forgotten', async () => {
    const folder = temporaryFolder()
    expect(await recallAnswers(folder)).toBeUndefined()
    await rememberAnswers(folder, DRAFT, NOW)
    await forgetAnswers(folder)
    expect(existsSync(answersPath(folder))).toBe(false)
    await forgetAnswers(folder)
  })

  it.each(['', '{', '[]', '{"version":2,"at":"x","answers":{}}', '{"version":1,"at":"x","answers":{"hosts":7}}'])(
    'that cannot be understood (%s) are none',
    async (text) => {
      const folder = temporaryFolder()
      mkdirSync(join(folder, '.mojabox'))
      writeFileSync(answersPath(folder), text)
      expect(await recallAnswers(folder)).toBeUndefined()
    },
  )

  it('hold no secret: a host with a password in place of a reference is none of ours', async () => {
    const host = { name: 'a', address: 'a', user: 'ops', password: 'hunter2' }
    expect(Draft.safeParse({ hosts: [host] }).success).toBe(false)
  })
})
