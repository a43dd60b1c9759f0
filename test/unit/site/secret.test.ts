import { expect, test } from 'vitest'
import { factsOf } from '../../../bundles/format/error.ts'
import { createSecrets, resolveSecret, type SecretQuestion } from '../../../installer/site/secret.ts'

const sources = {
  env: { PW: 's3cret', EMPTY: '' },
  readFile: async (path: string) => {
    if (path === '/pw') return 's3cret with space \n'
    if (path === '/empty') return '\n'
    throw Object.assign(new Error('no'), { code: 'ENOENT' })
  },
}
const question: SecretQuestion = { what: 'sudo-password', subject: 'ops' }

test('a variable and a file give their secret, without the last line end', async () => {
  expect(await resolveSecret('env:PW', sources)).toBe('s3cret')
  expect(await resolveSecret('file:/pw', sources)).toBe('s3cret with space ')
})

test('a missing secret names its reference and what it is for', async () => {
  for (const [reference, found] of [
    ['env:NONE', 'not set'],
    ['env:EMPTY', 'not set'],
    ['file:/none', 'ENOENT'],
    ['file:/empty', 'empty'],
    ['ask', 'nobody to ask'],
  ] as const) {
    const facts = await resolveSecret(reference, sources, question).catch(factsOf)
    expect(facts).toMatchObject({ code: 'secret-missing', kind: 'usage', found: expect.stringContaining(found) })
    expect((facts as { message: string }).message).toContain('sudo password of ops')
  }
})

test('a literal that slipped through is not quoted', async () => {
  const facts = await resolveSecret('hunter2', sources, question).catch(factsOf)
  expect(JSON.stringify(facts)).not.toContain('hunter2')
})

test('a person is asked once per key and once for all sudo passwords', async () => {
  const asked: string[] = []
  const ask = async ({ what, subject }: SecretQuestion) => {
    asked.push(`${what} ${subject}`)
    return 'typed'
  }
  const secrets = createSecrets({ ...sources, ask })
  await Promise.all([
    secrets.get('ask', { what: 'sudo-password', subject: 'a' }),
    secrets.get('ask', { what: 'sudo-password', subject: 'b' }),
    secrets.get('ask', { what: 'passphrase', subject: '/k1' }),
    secrets.get('ask', { what: 'passphrase', subject: '/k2' }),
    secrets.get('ask', { what: 'passphrase', subject: '/k1' }),
  ])
  expect(asked).toEqual(['sudo-password a', 'passphrase /k1', 'passphrase /k2'])
})
