import { expect, test } from 'vitest'
import { connectError, connectTimeout, lostError, SILENT, type SshPhase } from '../../../installer/fleet/ssh-errors.ts'
import { LoginSequence } from '../../../installer/fleet/ssh-logins.ts'

const place = { address: 'ops@n1:22', host: 'n1', port: 22 }
const told = (fields: object, phase: SshPhase) =>
  connectError(Object.assign(new Error('some words'), fields), place, phase, new LoginSequence([])).facts

test('each way a connection fails has its code, what was found and what to do next', () => {
  const cases = [
    [told({ level: 'client-socket', code: 'ECONNREFUSED' }, 'socket'), 'host-unreachable', 'ECONNREFUSED'],
    [told({ level: 'client-socket', code: 'ENOTFOUND' }, 'socket'), 'host-unreachable', 'ENOTFOUND'],
    [told({ level: 'client-socket', code: 'EAI_AGAIN' }, 'socket'), 'host-unreachable', 'EAI_AGAIN'],
    [told({ level: 'client-socket', code: 'ETIMEDOUT' }, 'socket'), 'host-timeout', 'ETIMEDOUT'],
    [told({ level: 'client-socket', code: 'EHOSTUNREACH' }, 'socket'), 'host-unreachable', 'EHOSTUNREACH'],
    [told({ level: 'client-socket', code: 'ECONNRESET' }, 'handshake'), 'host-unreachable', 'ECONNRESET'],
    [told({ level: 'handshake' }, 'handshake'), 'host-unreachable', 'some words'],
    [told({ code: 2 }, 'login'), 'host-auth', 'the host ended the attempt'],
    [told({ level: 'client-authentication' }, 'login'), 'host-auth', 'nothing to log in with'],
    [connectTimeout(place, 'socket', 15_000).facts, 'host-timeout', 'no answer in 15 s'],
    [lostError(place, Object.assign(new Error('x'), { level: SILENT })).facts, 'host-lost', 'no sign of life'],
    [lostError(place).facts, 'host-lost', 'the host closed the connection'],
  ] as const
  for (const [facts, code, found] of cases) {
    expect(facts).toMatchObject({ code, kind: 'host', found: expect.stringContaining(found) })
    expect(facts.message).toMatch(/n1/)
    expect(facts.needed).not.toBe('')
    expect(facts.next).toMatch(/run the same command again/)
  }
})
