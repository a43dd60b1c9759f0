import { expect, it } from 'vitest'
import { renderConfig } from '../../../installer/render/config.ts'
import { lookOf } from '../../../installer/render/look.ts'

const values = [
  { service: 'redis', name: 'image', value: 'redis:8.0', origin: 'upstream' },
  { service: 'redis', name: 'mem_limit', value: '64m', origin: 'site' },
  { service: 'kafka', name: 'command', value: 'a\nb', origin: 'mine.yaml' },
]

it('prints the Compose file, then each service’s values and where they come from, one a line', () => {
  const text = renderConfig('services: {}\n', values, lookOf({ isTty: false, env: {} }))
  expect(text).toBe(
    'services: {}\n\nredis\n  image = redis:8.0 (upstream)\n  mem_limit = 64m (site)\n\nkafka\n  command = "a\\nb" (mine.yaml)\n',
  )
})
