import { expect, test } from 'vitest'
import { type LoginAttempt, LoginSequence } from '../../../installer/fleet/ssh-logins.ts'

function attempt(method: LoginAttempt['method'], label: string, empty = false): LoginAttempt {
  return { method, label, prepare: async () => (empty ? undefined : { type: 'none', username: label }) }
}

test('only what the host offers is tried, in order', async () => {
  const sequence = new LoginSequence([
    attempt('publickey', 'key 1'),
    attempt('password', 'password'),
    attempt('publickey', 'key 2'),
  ])
  expect(await sequence.next(['publickey'])).toMatchObject({ username: 'key 1' })
  expect(await sequence.next(['publickey'])).toMatchObject({ username: 'key 2' })
  expect(await sequence.next(['publickey'])).toBeUndefined()
  expect(sequence.tried).toEqual(['key 1', 'key 2'])
})

test('what was not offered at first is tried once a partial success opens it', async () => {
  const sequence = new LoginSequence([attempt('password', 'password'), attempt('publickey', 'key')])
  expect(await sequence.next(['publickey'])).toMatchObject({ username: 'key' })
  expect(await sequence.next(['password'])).toMatchObject({ username: 'password' })
})

test('an attempt that has nothing to send is passed over and not told as tried', async () => {
  const sequence = new LoginSequence([attempt('publickey', 'agent', true), attempt('publickey', 'key')])
  expect(await sequence.next(['publickey'])).toMatchObject({ username: 'key' })
  expect(sequence.tried).toEqual(['key'])
})
