import type { ReportCase } from '../../contract/report.ts'
import { fail, pass, reportCase, skip } from '../case.ts'
import type { CaseGroup, ValidateContext } from '../context.ts'

/** Kafka answers, and has every topic with its partitions. */
export const topics: CaseGroup = {
  name: 'topics',
  level: 'services',
  async run(context) {
    const { kafka } = context.profile
    if (!kafka) return []
    const broker = await answers(context, kafka.service)
    const cases = Object.entries(context.profile.topics).map(([topic, partitions]) =>
      exists(context, topic, partitions, broker.status === 'pass' ? undefined : kafka.service),
    )
    return [broker, ...(await Promise.all(cases))]
  },
}

function answers(context: ValidateContext, subject: string): Promise<ReportCase> {
  const about = { id: 'kafka', title: `${subject} answers`, needed: 'a broker that lists its topics', subject }
  return reportCase(about, context.signal, async () => pass(`${(await context.partitions()).size} topics`))
}

/** `silent` is the broker, when it does not answer. */
function exists(
  context: ValidateContext,
  topic: string,
  partitions: number,
  silent: string | undefined,
): Promise<ReportCase> {
  const needed = `at least ${partitions} ${partitions === 1 ? 'partition' : 'partitions'}`
  const about = { id: `topic:${topic}`, title: `topic ${topic} is there`, needed, subject: topic }
  return reportCase(about, context.signal, async () => {
    if (silent !== undefined) return skip(`${silent} does not answer`)
    const there = (await context.partitions()).get(topic)
    if (there === undefined) return fail('no such topic')
    return there >= partitions ? pass(`${there}`) : fail(`${there}`)
  })
}
