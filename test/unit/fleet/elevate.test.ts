import { expect, test } from 'vitest'
import { factsOf } from '../../../bundles/format/error.ts'
import { elevated } from '../../../installer/fleet/elevate.ts'
import { type FakeCall, fakeConnection } from './fake-connection.ts'

/** A host whose sudo behaves as `sudo` says. */
function host(uid: number, sudo: (call: FakeCall) => { code?: number; stdout?: string; stderr?: string }) {
  return fakeConnection((call) => {
    if (call.argv[0] === 'id') return { stdout: call.argv[1] === '-un' ? 'ops\n' : `${uid}\n` }
    return sudo(call)
  })
}
const wantsPassword = (call: FakeCall) => call.argv.includes('-n')

test('root is handed back untouched', async () => {
  const connection = host(0, () => ({ code: 1 }))
  expect(await elevated(connection)).toBe(connection)
})

test('the password goes to stdin only, ahead of the caller’s input', async () => {
  const connection = host(1000, (call) => (wantsPassword(call) ? { code: 1 } : {}))
  const root = await elevated(connection, { password: async () => 's3cret' })
  await root.exec(['tee', '/x'], { input: 'text' })
  await root.exec(['cat'], { input: Buffer.from([0, 255]) })
  await root.exec(['true'])
  expect(connection.calls.slice(-3).map((call) => call.input)).toEqual([
    's3cret\ntext',
    Buffer.from('s3cret\n\0\xff', 'latin1'),
    's3cret\n',
  ])
  expect(JSON.stringify(connection.calls.map((call) => call.argv))).not.toContain('s3cret')
})

test('a password that sudo did not take from stdin is never sent again', async () => {
  const connection = host(1000, (call) => (wantsPassword(call) ? { code: 1 } : { stdout: String(call.input) }))
  await expect(elevated(connection, { password: async () => 's3cret' })).rejects.toThrow('refused the password')
})

test('a missing sudo is told as such', async () => {
  const error = await elevated(host(1000, () => ({ code: 127 }))).catch(factsOf)
  expect(error).toMatchObject({ code: 'host-sudo', found: 'user ops, no sudo' })
})

test('a password of several lines is refused before it is sent', async () => {
  const connection = host(1000, () => ({ code: 1 }))
  await expect(elevated(connection, { password: async () => 'a\nb' })).rejects.toThrow('refused the password')
  expect(connection.calls.some((call) => String(call.input).includes('a\nb'))).toBe(false)
})

test('sudo asking twice is a wrong password; asking once and still refusing is no right', async () => {
  const refusing = (asked: number) =>
    host(1000, (call) => {
      const prompt = call.argv[call.argv.indexOf('-p') + 1] ?? ''
      return wantsPassword(call) ? { code: 1 } : { code: 1, stderr: `${prompt.repeat(asked)}\nnon, désolé` }
    })
  const password = async () => 'x'
  expect(await elevated(refusing(2), { password }).catch(factsOf)).toMatchObject({
    message: expect.stringContaining('refused the password for ops'),
    found: 'non, désolé',
  })
  expect(await elevated(refusing(1), { password }).catch(factsOf)).toMatchObject({
    message: expect.stringContaining('has no right'),
  })
})
