import { expect, it } from 'vitest'
import { likelyCause } from '../../../agent/runtimes/likely-cause.ts'

const ended = (words: string, exitCode = 1, outOfMemory = false) => likelyCause({ words, exitCode, outOfMemory })

it.each([
  ['Error: connect ECONNREFUSED 172.18.0.3:3306', 'nobody answers at 172.18.0.3:3306'],
  ['Error: getaddrinfo ENOTFOUND msyql', 'there is no host msyql in its network'],
  ["Error: EACCES: permission denied, open '/etc/CLEDGrc'", 'it may not use /etc/CLEDGrc'],
  ["Error: Cannot find module '/opt/app/src/api/index.js'", 'its image lacks /opt/app/src/api/index.js'],
  ["ER_ACCESS_DENIED_ERROR: Access denied for user 'central_ledger'@'%'", 'the database refuses the password'],
  ["Access denied for user 'central_ledger'@'%'", 'of central_ledger'],
  ['Error: listen EADDRINUSE: address already in use :::3001', 'port 3001 is taken'],
  ['SyntaxError: Unexpected token } in JSON at position 3', 'plan --show-config'],
  ['write /data: no space left on device', 'the disk is full'],
])('%s: %s', (words, cause) => {
  expect(ended(`starting\n${words}\n    at main`)).toContain(cause)
})

it('tells memory from other ends, and says nothing of what it does not know', () => {
  expect(ended('ECONNREFUSED 1.2.3.4:5', 137, true)).toContain('more memory than it may')
  expect(ended('bye', 137)).toContain('killed')
  expect(ended('sh: mongod: not found', 127)).toContain('not in its image')
  expect(ended('bye')).toBeUndefined()
})
