import { expect, it } from 'vitest'
import { topicsWith } from '../../../agent/engine/steps/topics.ts'
import { FakeKafka } from './fake-kafka.ts'
import { stepContext } from './step-context.ts'

const params = { brokers: ['127.0.0.1:9092'], topics: { 'topic-a': 1, 'topic-b': 3 } }

it('makes what is missing and raises what is too small, once', async () => {
  const kafka = new FakeKafka()
  kafka.partitionsOf.set('topic-b', 2)
  const step = topicsWith(kafka.open)
  expect(await step.isDone(stepContext(), params)).toBe(false)
  await step.apply(stepContext(), params)
  expect(kafka.calls).toEqual(['create topic-a 1', 'raise topic-b 3'])
  expect(await step.isDone(stepContext(), params)).toBe(true)
  await step.apply(stepContext(), params)
  expect(kafka.calls).toHaveLength(2)
})

it('leaves a topic with more partitions as it is', async () => {
  const kafka = new FakeKafka()
  kafka.partitionsOf.set('topic-a', 4).set('topic-b', 3)
  expect(await topicsWith(kafka.open).isDone(stepContext(), params)).toBe(true)
})

it('is not done while Kafka does not answer', async () => {
  const kafka = new FakeKafka()
  kafka.reachable = false
  expect(await topicsWith(kafka.open).isDone(stepContext(), params)).toBe(false)
  await expect(topicsWith(kafka.open).apply(stepContext(), params)).rejects.toMatchObject({
    facts: { code: 'kafka-unreachable' },
  })
  expect(kafka.closed).toBe(2)
})
