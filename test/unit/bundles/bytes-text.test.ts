import { expect, it } from 'vitest'
import { bytesText } from '../../../bundles/format/bytes-text.ts'

it.each([
  [0, '0 B'],
  [999, '999 B'],
  [1000, '1.0 kB'],
  [341_534_208, '342 MB'],
  [999_600, '1.0 MB'],
  [9_663_684_096, '9.7 GB'],
  [101_000_000_000, '101 GB'],
])('%i bytes is %s', (bytes, text) => expect(bytesText(bytes)).toBe(text))
