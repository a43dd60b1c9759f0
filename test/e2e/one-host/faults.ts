import { expect, test } from 'vitest'
import { NodeStatus } from '../../../agent/contract/status.ts'
import { blamed, changedBy, EXIT, errorOf, expectDone, expectRefused } from '../support/expectations.ts'
import { dockerOn } from '../support/hub.ts'
import { only } from '../support/mojabox-process.ts'
import type { OneHost } from './one-host.ts'

const TOPIC = 'topic-transfer-prepare'
const DELETE_TOPIC = [
  '/opt/kafka/bin/kafka-topics.sh',
  '--bootstrap-server',
  'localhost:9092',
  '--delete',
  '--topic',
  TOPIC,
]

/** Chapter two: whatever breaks is named by `validate`, and mended by running the install again. */
export function faults(life: OneHost): void {
  const docker = (...args: string[]) => dockerOn(life.host.name, ...args)

  /** Breaks the hub, and expects validation to blame it and the same install to mend it. */
  function names(what: string, subject: string, breaks: () => Promise<unknown>): void {
    test(`validate names ${subject} when ${what}, and passes again once it is mended`, async () => {
      await breaks()
      const ended = await life.desk.run(['validate', ...life.flags])
      const message = expectRefused(ended, EXIT.validation)
      expect(message).toContain(subject)
      expect(blamed(only(ended, 'report').report)).toContain(subject)
      expect(errorOf(ended).code).toBe('validation-failed')
      const status = await life.desk.run(['status', ...life.flags])
      expect(status.code).toBe(EXIT.validation)
      expect(NodeStatus.parse(only(status, 'status').status).validation?.failed.join()).toContain(subject)
      const mended = await life.desk.run(['install', ...life.flags])
      expectDone(mended)
      expect(changedBy(mended)).toBeGreaterThan(0)
      expect(only(mended, 'report').report.passed).toBe(true)
    })
  }

  test('validate passes, at one level or both', async () => {
    const both = await life.desk.run(['validate', ...life.flags])
    expectDone(both)
    expect(only(both, 'report').report.levels.map(({ level }) => level)).toEqual(['services', 'ledger', 'transfer'])
    const one = await life.desk.run(['validate', '--level', 'services', ...life.flags])
    expectDone(one)
    expect(only(one, 'report').report.levels.map(({ level }) => level)).toEqual(['services'])
  })

  names('a topic is deleted', TOPIC, () => docker('exec', 'mojabox-kafka-1', ...DELETE_TOPIC))
  names('the handlers are stopped', 'central-ledger-handlers', () =>
    docker('stop', 'mojabox-central-ledger-handlers-1'),
  )
  names('the handlers hang', 'central-ledger-handlers', () => docker('pause', 'mojabox-central-ledger-handlers-1'))
  names('Kafka is stopped', 'kafka', () => docker('stop', 'mojabox-kafka-1'))
  names('the database is stopped', 'mysql', () => docker('stop', 'mojabox-mysql-1'))
}
