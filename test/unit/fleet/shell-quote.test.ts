import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { shellCommand } from '../../../installer/fleet/shell-quote.ts'

test('every argument reaches the command unchanged through a POSIX shell', () => {
  const argv = [
    '',
    ' ',
    "it's",
    '"',
    '$HOME',
    '`id`',
    '\\',
    '\n',
    '*',
    '~',
    '!',
    '#',
    ';',
    '&&',
    'ü',
    '-n',
    'a=b',
    '\u0001',
  ]
  const command = shellCommand(['printf', '%s\\0', ...argv])
  expect(execFileSync('sh', ['-c', command], { encoding: 'utf8' }).split('\0').slice(0, -1)).toEqual(argv)
})

test('plain words stay readable', () => {
  expect(shellCommand(['sudo', '-n', '--', '/usr/bin/id'])).toBe('sudo -n -- /usr/bin/id')
})
