import { expect, it } from 'vitest'
import { BACKING, SOURCES_BY_IMAGE } from '../../../agent/development/backing.ts'
import { definition } from '../deployments/shipped.ts'

const IMAGES = { mysql: 'library/mysql', kafka: 'apache/kafka', redis: 'library/redis', mongo: 'library/mongo' }

it('knows every service of the harness that keeps data or carries messages', () => {
  const keepers = Object.entries(definition.services).flatMap(([name, { compose, job }]) => {
    const kind = Object.entries(IMAGES).find(([, image]) => compose.image?.includes(`/${image}:`))?.[0]
    return kind !== undefined && !job ? [[name, kind]] : []
  })
  const known = Object.entries(BACKING).map(([name, { kind }]) => [name, kind])
  expect(known.toSorted()).toEqual(keepers.toSorted())
})

it('knows by which name a service reads its file where mojabox renders it', () => {
  for (const { services, target } of definition.configs) {
    const name = /^\/etc\/([A-Z]+)rc$/.exec(target)?.[1]
    if (name === undefined) continue
    for (const service of services) {
      const image = definition.services[service]?.compose.image?.replace(/^docker\.io\//, '').replace(/:.*/, '') ?? ''
      expect({ service, rc: SOURCES_BY_IMAGE[image]?.rc }).toEqual({ service, rc: name })
    }
  }
})
